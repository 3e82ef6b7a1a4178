/** @file A tensor in process memory: what files hold and what a GPU tensor reads back to. */

/** Element types as safetensors and torch know them. F16 and BF16 are held as raw bits in a Uint16Array. */
export type DType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U8"
  | "BOOL"
  | "U16"
  | "U32"
  | "U64";

export type TensorData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/** Row-major (C order), contiguous. `data.length` is the product of `shape` (1 for a scalar, shape []). */
export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Number of elements of a shape; 1 for []. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** float32 host tensor; throws RangeError when the data do not fill the shape. */
export function f32Tensor(shape: readonly number[], data: Float32Array): HostTensor & { data: Float32Array } {
  if (elementCount(shape) !== data.length)
    throw new RangeError(`f32Tensor: expected ${elementCount(shape)} values for [${shape}], got ${data.length}`);
  return { dtype: "F32", shape, data };
}

/** IEEE half bits → number. */
export function f16ToNumber(h: number): number {
  const s = h & 0x8000 ? -1 : 1;
  const e = (h >> 10) & 31;
  const m = h & 1023;
  if (e === 0) return s * m * 2 ** -24;
  if (e === 31) return m ? Number.NaN : s * Number.POSITIVE_INFINITY;
  return s * (1 + m / 1024) * 2 ** (e - 15);
}

const roundBuffer = new DataView(new ArrayBuffer(4));

/** number → IEEE half bits, round to nearest even (through float32, as numpy and torch do for float32 input). */
export function numberToF16(x: number): number {
  roundBuffer.setFloat32(0, x);
  const u = roundBuffer.getUint32(0);
  const s = (u >>> 16) & 0x8000;
  const e = (u >>> 23) & 255;
  const m = u & 0x7fffff;
  if (e === 255) return s | 0x7c00 | (m ? 0x200 : 0);
  const shift = e - 112;
  if (shift >= 31) return s | 0x7c00;
  if (shift <= 0) {
    if (shift < -10) return s;
    const full = m | 0x800000;
    const cut = 14 - shift;
    const half = 1 << (cut - 1);
    const rest = full & ((1 << cut) - 1);
    let q = full >>> cut;
    if (rest > half || (rest === half && q & 1)) q++;
    return s | q;
  }
  let q = (shift << 10) | (m >>> 13);
  const rest = m & 0x1fff;
  if (rest > 0x1000 || (rest === 0x1000 && q & 1)) q++;
  return s | q;
}

/** Any numeric tensor as float32 values (f16 and bf16 decoded, 64-bit integers rounded). Returns the data itself when it is F32. */
export function toFloat32(t: HostTensor): Float32Array {
  if (t.data instanceof Float32Array) return t.data;
  const out = new Float32Array(t.data.length);
  if (t.dtype === "F16") for (let i = 0; i < out.length; i++) out[i] = f16ToNumber(t.data[i] as number);
  else if (t.dtype === "BF16") {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < out.length; i++) bits[i] = (t.data[i] as number) << 16;
  } else for (let i = 0; i < out.length; i++) out[i] = Number(t.data[i]);
  return out;
}
