/** @file Does a state dict fit an architecture? Everything that is missing, extra or misshapen in one message. */
import { FileFormatError } from "../../base/errors.js";
import type { HostTensor } from "../../base/tensor.js";

/** Names that may be absent or additional although the architecture says otherwise. */
export interface Tolerance {
  mayMiss?: (name: string) => boolean;
  mayExceed?: (name: string) => boolean;
}

/** Pre-training files lack the whitening, and carry the classifier they were trained with. */
export const pretrainingTolerance: Tolerance = {
  mayMiss: (name) => name.includes("dim_reduction"),
  mayExceed: (name) => name.includes("fc"),
};

/** Names as lists; all empty when the state dict fits. */
export interface StateDictFaults {
  missing: string[];
  unexpected: string[];
  misshapen: { name: string; expected: readonly number[]; got: readonly number[] }[];
}

/** Compares names and shapes, within the tolerance. */
export function stateDictFaults(
  got: ReadonlyMap<string, Pick<HostTensor, "shape">>,
  expected: ReadonlyMap<string, readonly number[]>,
  tolerance: Tolerance = {},
): StateDictFaults {
  const sameShape = (a: readonly number[], b: readonly number[]) =>
    a.length === b.length && a.every((d, i) => d === b[i]);
  const faults: StateDictFaults = { missing: [], unexpected: [], misshapen: [] };
  for (const [name, shape] of expected) {
    const tensor = got.get(name);
    if (tensor && !sameShape(tensor.shape, shape)) faults.misshapen.push({ name, expected: shape, got: tensor.shape });
    else if (!tensor && !tolerance.mayMiss?.(name)) faults.missing.push(name);
  }
  for (const name of got.keys()) if (!expected.has(name) && !tolerance.mayExceed?.(name)) faults.unexpected.push(name);
  return faults;
}

/**
 * Throws unless the state dict has exactly these tensors.
 * @throws FileFormatError MissingKey, UnexpectedKey or ShapeMismatch (the first that applies); the message lists all faults
 */
export function checkStateDict(
  got: ReadonlyMap<string, Pick<HostTensor, "shape">>,
  expected: ReadonlyMap<string, readonly number[]>,
  file: string,
  tolerance: Tolerance = {},
): void {
  const { missing, unexpected, misshapen } = stateDictFaults(got, expected, tolerance);
  const parts: string[] = [];
  if (missing.length) parts.push(`missing: ${some(missing)}`);
  if (unexpected.length) parts.push(`unexpected: ${some(unexpected)}`);
  if (misshapen.length)
    parts.push(`misshapen: ${some(misshapen.map((m) => `${m.name} (expected [${m.expected}], got [${m.got}])`))}`);
  if (parts.length === 0) return;
  const kind = missing.length ? "MissingKey" : unexpected.length ? "UnexpectedKey" : "ShapeMismatch";
  throw new FileFormatError(kind, file, `the weights do not fit the network; ${parts.join("; ")}`);
}

const shown = 12;

function some(names: readonly string[]): string {
  const rest = names.length - shown;
  return names.slice(0, shown).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
