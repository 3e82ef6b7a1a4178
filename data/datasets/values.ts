/** @file Typed views of what a JSON file or a pickle holds, with errors that say where in the file something is wrong. */
import { FileFormatError } from "../../base/errors.js";
import { readRegular } from "../../base/regular-file.js";
import { looksLikeJson, parseJson } from "../../formats/json.js";
import { plain, readPickle } from "../../formats/pickle.js";
import type { Box } from "../resize.js";

/** A value at a place in a file, for example gnd[3].easy in gnd_roxford5k.pkl. */
export class Field {
  constructor(
    readonly file: string,
    readonly path: string,
    readonly value: unknown,
  ) {}

  /** @throws FileFormatError MalformedFile */
  fail(expected: string): never {
    throw new FileFormatError("MalformedFile", this.file, `${this.path || "the file"}: expected ${expected}`);
  }

  /** A member of a mapping; its value is undefined when the key is not there. */
  at(key: string): Field {
    if (!isMapping(this.value)) this.fail(`a mapping with the key ${key}, got ${kindOf(this.value)}`);
    return new Field(this.file, this.path ? `${this.path}.${key}` : key, this.value[key]);
  }

  has(key: string): boolean {
    return isMapping(this.value) && this.value[key] !== undefined;
  }

  list(): Field[] {
    if (!Array.isArray(this.value)) this.fail(`a list, got ${kindOf(this.value)}`);
    return this.value.map((v, i) => new Field(this.file, `${this.path}[${i}]`, v));
  }

  strings(): string[] {
    return this.list().map((f) => (typeof f.value === "string" ? f.value : f.fail(`text, got ${kindOf(f.value)}`)));
  }

  /**
   * Whole numbers, from a list or a one-dimensional integer array. An empty array of any type is an empty list: numpy
   * makes float64 of an empty list.
   */
  integers(): number[] {
    const values = this.numeric();
    const out = values.map(Number);
    const bad = out.findIndex((v) => !Number.isSafeInteger(v));
    if (bad >= 0) this.fail(`whole numbers, got ${String(values[bad])} at [${bad}]`);
    return out;
  }

  /** Like {@link integers}, each in 0 … limit − 1. `of` says what they count, for the message. */
  indices(limit: number, of: string): number[] {
    const out = this.integers();
    const bad = out.findIndex((v) => v < 0 || v >= limit);
    if (bad >= 0) this.fail(`indices of ${limit} ${of} (0 … ${limit - 1}), got ${out[bad]} at [${bad}]`);
    return out;
  }

  /** Four numbers x1, y1, x2, y2 with x1 < x2 and y1 < y2; null, or nothing, is null. */
  box(): Box | null {
    if (this.value === null || this.value === undefined) return null;
    const n = this.numeric().map(Number);
    if (n.length !== 4 || !n.every(Number.isFinite)) this.fail(`a box of 4 numbers, got [${n.join(", ")}]`);
    if (!(n[0] < n[2] && n[1] < n[3])) this.fail(`a box x1 < x2, y1 < y2, got [${n.join(", ")}]`);
    return [n[0], n[1], n[2], n[3]];
  }

  private numeric(): (number | bigint)[] {
    const { value } = this;
    // A mask is no list of indices, and halves are kept as their bits.
    if (isTensor(value) && (value.shape.length !== 1 || /^(BOOL|F16|BF16)$/.test(value.dtype)))
      this.fail(`a list of numbers, got ${kindOf(value)}`);
    const v = isTensor(value) ? Array.from(value.data) : value;
    if (!Array.isArray(v)) this.fail(`a list of numbers, got ${kindOf(this.value)}`);
    const bad = v.findIndex((x) => typeof x !== "number" && typeof x !== "bigint");
    if (bad >= 0) this.fail(`numbers, got ${kindOf(v[bad])} at [${bad}]`);
    return v;
  }
}

/**
 * Opens a description in JSON or as a pickle, told apart by content.
 * @throws MissingDataError when it is not there; FileFormatError when it is neither.
 */
export function readDescription(file: string, howToGet = ""): Field {
  const bytes = readRegular(file, { code: "DatasetMissing", howToGet });
  return new Field(file, "", looksLikeJson(bytes) ? parseJson(bytes, file) : plain(readPickle(bytes, file)));
}

function isMapping(v: unknown): v is Record<string, unknown> {
  return typeof v === "object" && v !== null && !Array.isArray(v) && !isTensor(v) && !(v instanceof Map);
}

function isTensor(v: unknown): v is { dtype: string; shape: readonly number[]; data: ArrayLike<number | bigint> } {
  return typeof v === "object" && v !== null && "shape" in v && "data" in v && Array.isArray(v.shape);
}

function kindOf(v: unknown): string {
  if (v === undefined) return "nothing";
  if (v === null) return "null";
  if (Array.isArray(v)) return "a list";
  if (isTensor(v)) return `${v.dtype === "BOOL" ? "a mask" : `an array ${v.dtype}`} of shape [${v.shape.join(", ")}]`;
  if (v instanceof Uint8Array) return "bytes";
  if (v instanceof Set) return "a set";
  if (typeof v === "object") return "a mapping";
  return typeof v === "string" ? `the text ${JSON.stringify(v)}` : `${typeof v} ${String(v)}`;
}
