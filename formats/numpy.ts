/** @file numpy inside pickles: dtypes, arrays and scalars built from their stored state, sizes checked first. */
import type { DType, TensorData } from "../base/tensor.js";
import type { Budget } from "./budget.js";
import { byteText, Py2Text } from "./byte-text.js";
import { bytesOf, bytesPerElement, checkedCount, ownElements, smallBytes } from "./dtypes.js";
import { BuildError, NdArray, NumpyScalar, ObjectArray, PyOpaque, PyTuple, type PyValue, pyType } from "./python.js";
import { gather, maxAxes } from "./strided.js";

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
  withState(state: PyValue, budget: Budget): NdArray | ObjectArray {
    const s = state instanceof PyTuple ? state.items : [];
    // version 0 of the state had no version number
    const [shape, dtype, fortran, data] = s.length === 4 ? s : s.slice(1);
    if (s.length < 4 || s.length > 5 || typeof fortran !== "boolean") throw bad("state of a numpy.ndarray");
    return arrayFrom(shape, dtype, fortran, data, budget);
  }
}

/** Memory of an array and what belongs to it, without its elements: short ones have no buffer of their own. */
const arrayCost = (bytes: number) => (bytes > smallBytes ? 360 : 180);
/** … of one text of a text array. */
const textCost = 40;

/**
 * An array from its parts. `data` is bytes, a Python 2 str, or a list for object arrays.
 * @throws BuildError when the data do not fill the shape exactly; FileFormatError when the budget is spent
 */
export function arrayFrom(
  shape: PyValue,
  dtype: PyValue,
  fortran: boolean,
  data: PyValue,
  budget: Budget,
): NdArray | ObjectArray {
  if (!(shape instanceof PyTuple) || !(dtype instanceof NumpyDType)) throw bad("shape or dtype of a numpy.ndarray");
  const sides = shape.items as readonly number[];
  const count = checkedCount(sides);
  if (count === undefined || sides.length > maxAxes) throw bad("shape of a numpy.ndarray is not a tuple of sizes");
  if (dtype.element === "object") {
    if (!Array.isArray(data) || data.length !== count) throw bad(`an object array of ${count} with other data`);
    budget.take(8 * count, "a numpy array of objects");
    return new ObjectArray(sides, fortran ? fromFortran(data, sides) : [...data]);
  }
  const stored = data instanceof Py2Text ? data.bytes : data;
  const length = typeof stored === "string" || stored instanceof Uint8Array ? stored.length : undefined;
  if (length === undefined || length !== count * dtype.itemSize)
    throw bad(`numpy array [${sides}] needs ${count * dtype.itemSize} bytes, got ${length ?? pyType(data)}`);
  // once as bytes of an 8-bit str, once as elements, once more to turn Fortran's order around
  budget.take(arrayCost(length) + (length > smallBytes ? 3 : 1) * length, "a numpy array");
  const bytes = typeof stored === "string" ? latin1Bytes(stored) : (stored as Uint8Array);
  if (dtype.element === "unicode" || dtype.element === "bytes") {
    // without this, zero bytes could claim any number of empty texts
    if (dtype.itemSize === 0 && count > 0) throw bad("text array of width 0");
    budget.take(textCost * count, "a numpy array of texts");
    const items = Array.from({ length: count }, (_, i) =>
      textOf(bytes.subarray(i * dtype.itemSize, (i + 1) * dtype.itemSize), dtype),
    );
    return new ObjectArray(sides, fortran ? fromFortran(items, sides) : items);
  }
  let values = ownElements(dtype.element, dtype.bigEndian ? swapped(bytes, dtype.itemSize) : bytes);
  if (fortran && sides.length > 1) values = fromFortran(values, sides);
  return new NdArray(dtype.element, sides, values, fortran);
}

/** numpy.core.multiarray.scalar(dtype, bytes). */
export function scalarFrom(dtype: PyValue, data: PyValue, budget: Budget): NumpyScalar | PyValue {
  const array = arrayFrom(new PyTuple([]), dtype, false, data, budget);
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
  // a fresh array of the same type; not slice(), which on a Buffer shares its memory
  const type = (source instanceof Uint8Array ? Uint8Array : source.constructor) as new (length: number) => T;
  const out = new type(source.length);
  let step = 1;
  const strides = shape.map((side) => {
    step *= side;
    return step / side;
  });
  if (source.length) gather<TensorData | PyValue[]>(source, out, shape, strides);
  return out;
}

/** Row-major elements in column-major order, as numpy stores Fortran arrays. */
export function fortranOrder(data: TensorData, shape: readonly number[]): TensorData {
  // row-major [a, b, c] is the same memory as column-major [c, b, a]
  return fromFortran(data, [...shape].reverse());
}

/** The elements' bytes the other way round, as a copy. */
function swapped(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += size) for (let i = 0; i < size; i++) out[at + i] = bytes[at + size - 1 - i];
  return out;
}

/** One element of a text array: 8-bit or UTF-32 text, padded with zeros. */
function textOf(bytes: Uint8Array, dtype: NumpyDType): string {
  let text = "";
  if (dtype.element === "bytes") text = byteText(bytes);
  else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += 4) {
      const code = view.getUint32(at, !dtype.bigEndian);
      if (code > 0x10ffff) throw bad(`character code ${code} in a text array`);
      text += String.fromCodePoint(code);
    }
  }
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--;
  return text.slice(0, end);
}
