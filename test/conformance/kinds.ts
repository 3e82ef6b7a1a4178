/** @file Which handler runs which kind of case; loaded on demand. */
import type { CaseHandler } from "./case.js";

export const kinds: Record<string, () => Promise<CaseHandler>> = {};
