/** @file Errors → one line on stderr and an exit code; the stack only with DEBUG=1. */

import { CommanderError } from "commander";
import { FireGpuError } from "../base/errors.js";
import { asNamedError } from "../base/system-error.js";
import { tell } from "./streams.js";

/** What the exit codes mean, for help texts. */
export const EXIT_CODES = `Exit codes: 0 done · 2 wrong option, key or value · 3 damaged or unsuitable file · 4 missing data or model
            5 no usable device · 6 impossible numbers · 7 cannot write · 130 interrupted (run it again) · 1 anything else`;

/** Reports a failure on stderr and returns the process's exit code. */
export function reportFailure(raised: unknown): number {
  const error = asNamedError(raised);
  if (error instanceof CommanderError) {
    // Help and version are "errors" to commander, already printed.
    if (error.exitCode === 0) return 0;
    if (error.code === "commander.help") return 2;
    tell(`fire-gpu: ${oneLine(error.message.replace(/^error: /, ""))}`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  tell(`fire-gpu: ${oneLine(message)}`);
  if (process.env.DEBUG && error instanceof Error) tell(`${error.stack}`);
  else if (!(error instanceof FireGpuError)) tell("fire-gpu: unexpected; DEBUG=1 shows where");
  return error instanceof FireGpuError ? error.exitCode : 1;
}

function oneLine(text: string): string {
  return text.split("\n").join(" ").trim();
}
