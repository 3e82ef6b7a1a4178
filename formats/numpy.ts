/** @file numpy inside pickles: dtypes, arrays and scalars built from their stored state, sizes checked first. */
import type { DType, TensorData } from "../base/tensor.js";
import { bytesOf, bytesPerElement, checkedCount, elementsOf, ownBuffer } from "./dtypes.js";
import { BuildError, NdArray, NumpyScalar, ObjectArray, PyOpaque, PyTuple, type PyValue } from "./python.js";

const bad = (message: string) => new BuildError("MalformedPickle", message);

const numeric: Readonly<Record<string, DType>> = {
  f8: "F64",
  f4: "F32",
  f2: "F16",
  i8: "I64",
  i4: "I32",
  i2: "I16",
  i1: "I8",
  u8: "U64",
  u4: "U32",
  u2: "U16",
  u1: "U8",
  b1: "BOOL",
};

/** The numpy type code of an element type, for example F32 → "f4". BF16 has none. */
export function numpyCode(dtype: DType): string | undefined {
  return Object.keys(numeric).find((code) => numeric[code] === dtype);
}

/** numpy.dtype. `element` is a number type, "object", or text ("unicode", "bytes") of `itemSize` bytes. */
export class NumpyDType extends PyOpaque {
  readonly pyType = "numpy.dtype";
  constructor(
    readonly element: DType | "object" | "unicode" | "bytes",
    readonly itemSize: number,
    readonly bigEndian: boolean,
  ) {
    super();
  }

  /** From the first argument of numpy.dtype(…): "f4", ">i8", "U16", "O8". */
  static parse(code: PyValue): NumpyDType {
    const match = typeof code === "string" ? /^([<>=|]?)([a-zA-Z])(\d{0,9})$/.exec(code) : null;
    if (!match) throw bad(`numpy.dtype(${typeof code === "string" ? JSON.stringify(code.slice(0, 40)) : "…"})`);
    const [, order, letter, size] = match;
    const dtype = numeric[letter + size];
    if (dtype) return new NumpyDType(dtype, bytesPerElement[dtype], order === ">");
    if (letter === "O") return new NumpyDType("object", 8, false);
    if (letter === "U") return new NumpyDType("unicode", 4 * Number(size), order === ">");
    if (letter === "S" || letter === "a") return new NumpyDType("bytes", Number(size), false);
    throw new BuildError("UnsupportedFeature", `numpy dtype ${match[0]} is not supported`);
  }

  /** State of BUILD: (version, byte order, subdtype, names, fields, item size, alignment, flags). */
  withState(state: PyValue): NumpyDType {
    const s = state instanceof PyTuple ? state.items : [];
    const [version, order, subdtype, names, fields] = s;
    if (s.length < 8 || typeof version !== "number" || typeof order !== "string" || !/^[<>=|]$/.test(order))
      throw bad("state of a numpy.dtype");
    if (subdtype !== null || names !== null || fields !== null)
      throw new BuildError("UnsupportedFeature", "structured numpy dtypes are not supported");
    return new NumpyDType(this.element, this.itemSize, order === ">");
  }
}

/** An array between numpy's `_reconstruct` and BUILD: it has no shape yet, and must not survive the pickle. */
export class BlankArray extends PyOpaque {
  readonly pyType = "numpy.ndarray without state";

  /** State of BUILD: (version, shape, dtype, is Fortran, bytes or list). */
  withState(state: PyValue): NdArray | ObjectArray {
    const s = state instanceof PyTuple ? state.items : [];
    // version 0 of the state had no version number
    const [shape, dtype, fortran, data] = s.length === 4 ? s : s.slice(1);
    if (s.length < 4 || s.length > 5 || typeof fortran !== "boolean") throw bad("state of a numpy.ndarray");
    return arrayFrom(shape, dtype, fortran, data);
  }
}

/**
 * An array from its parts. `data` is bytes, a Python 2 str (one byte a character), or a list for object arrays.
 * @throws BuildError when the data do not fill the shape exactly.
 */
export function arrayFrom(shape: PyValue, dtype: PyValue, fortran: boolean, data: PyValue): NdArray | ObjectArray {
  if (!(shape instanceof PyTuple) || !(dtype instanceof NumpyDType)) throw bad("shape or dtype of a numpy.ndarray");
  const sides = shape.items as readonly number[];
  const count = checkedCount(sides);
  if (count === undefined) throw bad("shape of a numpy.ndarray is not a tuple of sizes");
  if (dtype.element === "object") {
    if (!Array.isArray(data) || data.length !== count) throw bad(`an object array of ${count} with other data`);
    return new ObjectArray(sides, fortran ? fromFortran(data, sides) : data);
  }
  const bytes = typeof data === "string" ? latin1Bytes(data) : data;
  if (!(bytes instanceof Uint8Array) || bytes.length !== count * dtype.itemSize)
    throw bad(`numpy array [${sides}] needs ${count * dtype.itemSize} bytes, got ${(bytes as Uint8Array)?.length}`);
  if (dtype.element === "unicode" || dtype.element === "bytes") {
    // without this, zero bytes could claim any number of empty texts
    if (dtype.itemSize === 0 && count > 0) throw bad("text array of width 0");
    const items = Array.from({ length: count }, (_, i) =>
      text(bytes.subarray(i * dtype.itemSize, (i + 1) * dtype.itemSize), dtype),
    );
    return new ObjectArray(sides, fortran ? fromFortran(items, sides) : items);
  }
  const buffer = ownBuffer(bytes);
  if (dtype.bigEndian) swapBytes(new Uint8Array(buffer), dtype.itemSize);
  let values = elementsOf(dtype.element, buffer);
  if (fortran && sides.length > 1) values = fromFortran(values, sides);
  return new NdArray(dtype.element, sides, values, fortran);
}

/** numpy.core.multiarray.scalar(dtype, bytes). */
export function scalarFrom(dtype: PyValue, data: PyValue): NumpyScalar | PyValue {
  const array = arrayFrom(new PyTuple([]), dtype, false, data);
  if (array instanceof ObjectArray) return array.items[0];
  return NumpyScalar.fromBytes(array.dtype, bytesOf(array.data));
}

/** The bytes of a text whose characters are all below 256. @throws BuildError otherwise. */
export function latin1Bytes(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) throw bad(`character ${code} where latin-1 bytes are expected`);
    out[i] = code;
  }
  return out;
}

/** Column-major elements in row-major order. */
function fromFortran<T extends TensorData | PyValue[]>(source: T, shape: readonly number[]): T {
  // a copy of the same type; not slice(), which on a Buffer shares its memory
  const out = (Array.isArray(source) ? [...source] : elementsLike(source)) as T;
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((n, d) => n * d, 1));
  let at = 0;
  for (let i = 0; i < source.length; i++) {
    out[i] = source[at];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis];
      if (++index[axis] < shape[axis]) break;
      at -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

function elementsLike(source: TensorData): TensorData {
  const type = source.constructor as new (buffer: ArrayBuffer) => TensorData;
  return source instanceof Uint8Array ? new Uint8Array(source.length) : new type(ownBuffer(bytesOf(source)));
}

/** Row-major elements in column-major order, as numpy stores Fortran arrays. */
export function fortranOrder(data: TensorData, shape: readonly number[]): TensorData {
  // row-major [a, b, c] is the same memory as column-major [c, b, a]
  return fromFortran(data, [...shape].reverse());
}

function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

/** One element of a text array: zero-padded UTF-32 or 8-bit text. */
function text(bytes: Uint8Array, dtype: NumpyDType): string {
  let out = "";
  if (dtype.element === "bytes") out = Buffer.from(bytes).toString("latin1");
  else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += 4) {
      const code = view.getUint32(at, !dtype.bigEndian);
      if (code > 0x10ffff) throw bad(`character code ${code} in a text array`);
      out += String.fromCodePoint(code);
    }
  }
  return out.replace(/\0+$/, "");
}
