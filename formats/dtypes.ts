/** @file Element types of stored tensors: bytes an element takes, and the typed array that holds them. */
import type { DType, TensorData } from "../base/tensor.js";

/** Bytes of one element. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  U16: 2,
  U32: 4,
  U64: 8,
};

const arrayOf: Readonly<Record<DType, new (buffer: ArrayBuffer, at?: number, length?: number) => TensorData>> = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
  U16: Uint16Array,
  U32: Uint32Array,
  U64: BigUint64Array,
};

/** True for the names in DType; JSON headers bring arbitrary text. */
export function isDType(name: unknown): name is DType {
  return typeof name === "string" && Object.hasOwn(bytesPerElement, name);
}

/** The elements of a little-endian buffer; its length must be a multiple of the element size. */
export function elementsOf(dtype: DType, buffer: ArrayBuffer): TensorData {
  return new arrayOf[dtype](buffer);
}

/** Elements up to this many bytes need no buffer beside the array: a third of the memory for an index's short lists. */
export const smallBytes = 64;
const small = new ArrayBuffer(smallBytes);

/** The elements of little-endian bytes, as a copy; their length must be a multiple of the element size. */
export function ownElements(dtype: DType, bytes: Uint8Array): TensorData {
  if (bytes.length > smallBytes) return elementsOf(dtype, ownBuffer(bytes));
  new Uint8Array(small).set(bytes);
  return new arrayOf[dtype](small, 0, bytes.length / bytesPerElement[dtype]).slice();
}

/** The little-endian bytes of a tensor's elements, without a copy. */
export function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A copy of some bytes in a buffer of their own (aligned for every element type, keeps no bigger buffer alive). */
export function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const out = new Uint8Array(bytes.byteLength);
  out.set(bytes);
  return out.buffer;
}

/**
 * Product of a shape that came from a file, or undefined when a side is not a whole number ≥ 0 or the product is not a
 * safe integer. A side of 0 makes the product 0 whatever the others are.
 */
export function checkedCount(shape: readonly unknown[]): number | undefined {
  let count = 1;
  for (const side of shape) {
    if (typeof side !== "number" || !Number.isSafeInteger(side) || side < 0) return undefined;
    count *= side;
  }
  if (shape.includes(0)) return 0;
  return Number.isSafeInteger(count) ? count : undefined;
}
