/**
 * @file Python 2's 8-bit str: text or raw bytes, which the pickle does not tell. ASCII is the same in every encoding; other
 * bytes are read as UTF-8 where they are valid UTF-8, which other encodings' words almost never are, and else as latin-1.
 * Where numpy takes such a str for its elements, it is bytes.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { ObjectArray, PyDict, PyOpaque, PySet, PyTuple, type PyValue } from "./python.js";

/** An 8-bit str with bytes above 127 that are valid UTF-8, until it is known whether it is text. */
export class Py2Text extends PyOpaque {
  readonly pyType = "str";
  constructor(readonly bytes: Uint8Array) {
    super();
  }
}

/** A stored 8-bit str: text where there is no doubt. */
export function py2Str(bytes: Uint8Array): string | Py2Text {
  if (isAscii(bytes) || !isUtf8(bytes)) return bufferOf(bytes).toString("latin1");
  return new Py2Text(bytes);
}

/** 8-bit bytes that are known to be text. */
export function byteText(bytes: Uint8Array): string {
  return bufferOf(bytes).toString(isUtf8(bytes) ? "utf8" : "latin1");
}

/** The same value with every Py2Text that no array took as bytes as text. Changes containers in place; no cycles. */
export function settleText(value: PyValue, done = new Set<PyValue>()): PyValue {
  if (value instanceof Py2Text) return byteText(value.bytes);
  if (typeof value !== "object" || value === null || done.has(value)) return value;
  done.add(value);
  const settle = (item: PyValue) => settleText(item, done);
  if (Array.isArray(value)) settleList(value, settle);
  else if (value instanceof PyTuple || value instanceof ObjectArray) settleList(value.items as PyValue[], settle);
  else if (value instanceof PyDict) {
    const items = [...value];
    const odd = items.some(([key]) => key instanceof Py2Text);
    if (odd) value.clear();
    for (const [key, item] of items) value.set(settle(key), settle(item));
    if (value.attributes) settle(value.attributes);
  } else if (value instanceof PySet && [...value].some((item) => item instanceof Py2Text)) {
    const items = [...value];
    value.clear();
    for (const item of items) value.add(settle(item));
  } else if (value instanceof PySet) for (const item of value) settle(item);
  return value;
}

function settleList(items: PyValue[], settle: (item: PyValue) => PyValue): void {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item === "object" && item !== null) items[i] = settle(item);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
