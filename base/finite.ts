/**
 * @file Numbers that are none: NaN and infinity. A device's `max` and comparisons drop NaN, so one that is not looked for
 * ends as a plausible result. What comes in (weights), goes out (descriptors, scores) or is kept is looked at here.
 */
import { NumericError } from "./errors.js";
import type { HostTensor } from "./tensor.js";

/** Index of the first NaN or infinity, or −1. About a nanosecond a value: what was read anyway may be looked at. */
export function firstNotFinite(values: ArrayLike<number>): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}

/** Index of the first NaN or infinity of a tensor of any type, −1 without one; integers have none. */
export function firstNotFiniteOf({ dtype, data }: HostTensor): number {
  if (dtype === "F64" || dtype === "F32") return firstNotFinite(data as Float32Array | Float64Array);
  // halves are held as bits: all bits of the exponent are set
  const exponent = dtype === "F16" ? 0x7c00 : dtype === "BF16" ? 0x7f80 : 0;
  return exponent === 0 ? -1 : (data as Uint16Array).findIndex((bits) => (bits & exponent) === exponent);
}

/** How the message of `requireFinite` tells the place, and what to do. */
export interface FiniteContext {
  /** The values are rows of so many: the message counts rows, from `first` on. */
  readonly dim?: number;
  readonly first?: number;
  /** What to do, put behind a dash. */
  readonly hint?: string;
}

/**
 * Throws unless every value is a number.
 * @param name of the values, for the message: room and what they are, such as "network: global descriptor"
 * @throws NumericError (NotFinite): "<name>: value <i> is NaN — <hint>"
 */
export function requireFinite(name: string, values: ArrayLike<number>, { dim, first = 0, hint }: FiniteContext = {}) {
  const at = firstNotFinite(values);
  if (at < 0) return;
  const place = dim ? `value ${at % dim} of row ${first + Math.floor(at / dim)}` : `value ${at} of ${values.length}`;
  const what = values.length === 1 ? "expected a number, got" : `${place} is`;
  throw new NumericError("NotFinite", `${name}: ${what} ${values[at]}${hint ? ` — ${hint}` : ""}`);
}
