/**
 * @file Python values in TypeScript: what a pickle holds, with nothing lost that a Python program could see again.
 *
 * | Python              | here                                    | plain()                                    |
 * |---------------------|-----------------------------------------|--------------------------------------------|
 * | None, bool, str     | null, boolean, string                   | the same                                   |
 * | int                 | number, bigint beyond 2^53              | the same                                   |
 * | float               | PyFloat (1.0 is not 1)                  | number                                     |
 * | bytes, bytearray    | Uint8Array                              | the same                                   |
 * | list                | array                                   | array                                      |
 * | tuple, torch.Size   | PyTuple                                 | array                                      |
 * | dict, OrderedDict,  | PyDict (a Map; `type`, `factory`)       | object if all keys are str, else a Map     |
 * | defaultdict         |                                         |                                            |
 * | set, frozenset      | PySet (a Set)                           | Set                                        |
 * | numpy array         | NdArray (a HostTensor)                  | the same                                   |
 * | … of str or objects | ObjectArray                             | flat array                                 |
 * | numpy scalar        | NumpyScalar                             | number, bigint, boolean or string          |
 * | pathlib path        | string                                  | string                                     |
 * | a class by name     | PyGlobal                                | its name                                   |
 * | torch objects       | a PyOpaque of formats/torch-values.ts   | the same                                   |
 */
import type { FileFailure } from "../base/errors.js";
import { type DType, f16ToNumber, type HostTensor, numberToF16, type TensorData } from "../base/tensor.js";
import { bytesOf, bytesPerElement, elementsOf, ownElements } from "./dtypes.js";

export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyFloat
  | PyTuple
  | PyDict
  | PySet
  | NdArray
  | ObjectArray
  | NumpyScalar
  | PyGlobal
  | PyOpaque
  | PyValue[];

/** A Python float; ints are bare numbers. */
export class PyFloat {
  constructor(readonly value: number) {}
}

/** A tuple, or a torch.Size (a tuple by another name). */
export class PyTuple {
  constructor(
    readonly items: readonly PyValue[],
    readonly type: "tuple" | "torch.Size" = "tuple",
  ) {}
}

/** A dict in insertion order. Keys that are not str, int or bool (tuples, floats) are compared by identity, not by value. */
export class PyDict extends Map<PyValue, PyValue> {
  /** Attributes set on the object itself: torch puts `_metadata` on a state dict. */
  attributes: PyDict | undefined;
  constructor(
    readonly type: "dict" | "OrderedDict" | "defaultdict" = "dict",
    /** defaultdict only: what makes a missing value, for example builtins.list. */
    readonly factory: PyGlobal | null = null,
  ) {
    super();
  }
  /** A dict with these items. */
  static of(items: Iterable<readonly [PyValue, PyValue]>, type: "dict" | "OrderedDict" = "dict"): PyDict {
    const dict = new PyDict(type);
    for (const [k, v] of items) dict.set(k, v);
    return dict;
  }
}

/** A set or frozenset. */
export class PySet extends Set<PyValue> {
  frozen = false;
}

/** A numpy array of numbers, in C order here whatever the file had; `fortran` remembers the order it was stored in. */
export class NdArray implements HostTensor {
  constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    readonly data: TensorData,
    readonly fortran = false,
  ) {}
}

/** A numpy array of Python objects or of text, in C order. */
export class ObjectArray {
  constructor(
    readonly shape: readonly number[],
    readonly items: readonly PyValue[],
  ) {}
}

/** A numpy scalar such as numpy.float64(0.8) or numpy.int64(3); 64-bit integers are bigint beyond 2^53. */
export class NumpyScalar {
  constructor(
    readonly dtype: DType,
    readonly value: number | bigint | boolean,
  ) {}

  /** From the little-endian bytes of one element. */
  static fromBytes(dtype: DType, bytes: Uint8Array): NumpyScalar {
    const raw = ownElements(dtype, bytes)[0];
    if (dtype === "BOOL") return new NumpyScalar(dtype, raw !== 0);
    if (dtype === "F16") return new NumpyScalar(dtype, f16ToNumber(raw as number));
    const number = Number(raw);
    return new NumpyScalar(dtype, typeof raw === "bigint" && !Number.isSafeInteger(number) ? raw : number);
  }

  /** The value's little-endian bytes. */
  bytes(): Uint8Array {
    const one = elementsOf(this.dtype, new ArrayBuffer(bytesPerElement[this.dtype]));
    if (one instanceof BigInt64Array || one instanceof BigUint64Array) one[0] = BigInt(this.value);
    else one[0] = this.dtype === "F16" ? numberToF16(Number(this.value)) : Number(this.value);
    return bytesOf(one);
  }
}

/** A class or function that is only named, as `module.name` in Python 3's spelling. Nothing can call it. */
export class PyGlobal {
  constructor(readonly name: string) {}
}

/** Base of values that only some readers know, such as torch tensors. */
export abstract class PyOpaque {
  /** The Python type, for messages. */
  abstract readonly pyType: string;
}

/** What `plain` returns: JavaScript values, plus the objects that have no simpler form. */
export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | NdArray
  | PyOpaque
  | Plain[]
  | Set<Plain>
  | Map<Plain, Plain>
  | { [key: string]: Plain };

/** Simplest JavaScript form of a Python value (the table above). Ints and floats are no longer told apart. */
export function plain(value: PyValue): Plain {
  if (value instanceof PyFloat || value instanceof NumpyScalar) return value.value;
  if (value instanceof PyTuple || value instanceof ObjectArray) return value.items.map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof PyDict) {
    const items = [...value].map(([k, v]) => [plain(k), plain(v)] as const);
    // fromEntries defines properties, so a key "__proto__" is an ordinary one
    return items.every(([k]) => typeof k === "string") ? Object.fromEntries(items) : new Map(items);
  }
  if (value instanceof PySet) return new Set([...value].map(plain));
  if (value instanceof PyGlobal) return value.name;
  return value;
}

/** The Python type of a value, for messages: "int", "dict", "numpy.ndarray", … */
export function pyType(value: PyValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value === null) return "None";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  if (typeof value === "string") return "str";
  if (Array.isArray(value)) return "list";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof PyFloat) return "float";
  if (value instanceof PyTuple || value instanceof PyDict) return value.type;
  if (value instanceof PySet) return value.frozen ? "frozenset" : "set";
  if (value instanceof NumpyScalar) return "numpy scalar";
  if (value instanceof PyGlobal) return `class ${value.name}`;
  return value instanceof PyOpaque ? value.pyType : "numpy.ndarray";
}

/** A stored object that cannot be built from what the file says; whoever reads the file turns it into a FileFormatError. */
export class BuildError extends Error {
  constructor(
    readonly kind: FileFailure,
    message: string,
  ) {
    super(message);
  }
}
