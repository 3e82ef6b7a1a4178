/** @file What a Python value contains, as lines for a reader and as JSON for a program; arrays by shape, never by content. */
import type { DType } from "../base/tensor.js";
import {
  NdArray,
  ObjectArray,
  type Plain,
  PyDict,
  PyOpaque,
  PyTuple,
  type PyValue,
  plain,
  pyType,
} from "../formats/python.js";
import { TorchTensor } from "../formats/torch-values.js";

/** JSON without functions, NaN or big integers. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** An array or tensor of the file, by its path. */
export interface ArrayEntry {
  name: string;
  dtype: DType;
  shape: readonly number[];
}

/** One line of an outline. */
export interface OutlineEntry {
  path: string;
  /** The Python type. */
  type: string;
  /** Value of a scalar, size of a container, shape of an array. */
  summary: string;
}

/** All tensors and numeric arrays, in file order. `path` begins their names. */
export function* arraysOf(value: PyValue, path = ""): Generator<ArrayEntry> {
  if (value instanceof TorchTensor || value instanceof NdArray)
    yield { name: path, dtype: value.dtype, shape: value.shape };
  else if (typeof value === "object" && value !== null)
    for (const [key, item] of childrenOf(value)) yield* arraysOf(item, path ? `${path}.${key}` : key);
}

/** The upper levels of a value; of long containers the first items and how many follow. */
export function* outline(value: PyValue, depth = 3, perLevel = 12, path = ""): Generator<OutlineEntry> {
  yield { path, type: pyType(value), summary: summaryOf(value) };
  if (depth === 0) return;
  let left = perLevel;
  for (const [key, item] of childrenOf(value)) {
    if (left-- === 0) break;
    yield* outline(item, depth - 1, perLevel, path ? `${path}.${key}` : key);
  }
  const more = (value instanceof PyDict ? value.size : itemsOf(value).length) - perLevel;
  if (more > 0) yield { path: path ? `${path}.…` : "…", type: "", summary: `${more} more` };
}

/** A plain value as JSON: arrays become text like "F32 [64, 128]", big integers and non-finite numbers text. */
export function toJson(value: Plain): JsonValue {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Set) return [...value].map(toJson);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [String(toJson(k)), toJson(v)]));
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof NdArray || value instanceof PyOpaque) return summaryOf(value);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, toJson(v)]));
}

/** Members with their keys, one after the other: there may be millions. */
function* childrenOf(value: PyValue): Generator<[string, PyValue]> {
  if (value instanceof PyDict) for (const [k, v] of value) yield [String(toJson(plain(k))), v];
  let at = 0;
  for (const item of itemsOf(value)) yield [String(at++), item];
}

function itemsOf(value: PyValue): readonly PyValue[] {
  if (Array.isArray(value)) return value;
  return value instanceof PyTuple || value instanceof ObjectArray ? value.items : [];
}

const longestText = 60;

function summaryOf(value: PyValue): string {
  if (value instanceof TorchTensor || value instanceof NdArray) return `${value.dtype} [${value.shape.join(", ")}]`;
  if (value instanceof PyDict) return `${value.size} items`;
  if (Array.isArray(value)) return `${value.length} items`;
  if (value instanceof PyTuple || value instanceof ObjectArray) return `${value.items.length} items`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Set) return `${value.size} items`;
  if (value instanceof PyOpaque) return value.pyType;
  const text = String(toJson(plain(value)));
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}
