/**
 * @file Writing pickles that CPython loads: protocol 2 (what torch uses) or 4 (what ASMK caches use).
 *
 * ```ts
 * writeFileAtomic("codebook.pkl", pickleChunks({ type: "Codebook", params: { size: "64k" }, state: { centroids } }, 4));
 * ```
 * JavaScript values are taken as they are: objects and Maps become dicts, arrays lists, tensors numpy arrays; a whole number
 * becomes an int, any other a float; wrap in PyFloat to make 1 a float.
 */
import type { HostTensor } from "../base/tensor.js";
import { bytesOf } from "./dtypes.js";
import { fortranOrder, NumpyDType, numpyCode } from "./numpy.js";
import { PickleBytes, type Protocol } from "./pickle-bytes.js";
import {
  NdArray,
  NumpyScalar,
  ObjectArray,
  PyDict,
  PyFloat,
  PyGlobal,
  PyOpaque,
  PySet,
  PyTuple,
  type PyValue,
} from "./python.js";

/** Python values, or the JavaScript values that stand for them. */
export type PyInput =
  | PyValue
  | HostTensor
  | readonly PyInput[]
  | ReadonlyMap<PyInput, PyInput>
  | { readonly [key: string]: PyInput };

/** An object as Python's __reduce__ describes it: a function by name, its arguments, and a state for BUILD. */
export class PyReduce extends PyOpaque {
  readonly pyType = "reduced object";
  constructor(
    readonly callable: string,
    readonly args: readonly PyInput[],
    readonly state?: PyInput,
  ) {
    super();
  }
}

/** An object that the pickle only refers to: the reader resolves the id (torch's storages). */
export class PyPersistent extends PyOpaque {
  readonly pyType = "persistent id";
  constructor(readonly id: PyInput) {
    super();
  }
}

/** Replaces an object by what shall be written for it, or leaves it with undefined. */
export type Substitute = (value: object) => PyInput | undefined;

const maxDepth = 1000;

/**
 * The bytes of a pickle, in pieces; large arrays are passed on without a copy.
 * @throws TypeError for what has no Python form: undefined, functions, nesting deeper than 1000
 */
export function pickleChunks(value: PyInput, protocol: Protocol = 4, substitute?: Substitute): Uint8Array[] {
  const writer = new PickleWriter(protocol, substitute ?? (() => undefined));
  writer.write(value, 0);
  return writer.out.finish();
}

/** The bytes of a pickle in one piece. */
export function writePickle(value: PyInput, protocol: Protocol = 4): Uint8Array {
  return Buffer.concat(pickleChunks(value, protocol));
}

class PickleWriter {
  readonly out: PickleBytes;
  private readonly memo = new Map<unknown, number>();
  private readonly globals = new Map<string, number>();
  private readonly blankArgs = [new PyGlobal("numpy.ndarray"), new PyTuple([0]), new Uint8Array([0x62])];
  private readonly dtypes = new Map<string, PyReduce>();
  private memoSize = 0;

  constructor(
    private readonly protocol: Protocol,
    private readonly substitute: Substitute,
  ) {
    this.out = new PickleBytes(protocol);
  }

  write(value: PyInput, depth: number): void {
    if (depth > maxDepth) throw new TypeError(`pickle: nested deeper than ${maxDepth}, or a cycle`);
    if (value === null) this.out.op("N");
    else if (typeof value === "boolean") this.out.op(value ? "\x88" : "\x89");
    else if (typeof value === "number") {
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) this.out.int(value);
      else this.out.float(value);
    } else if (typeof value === "bigint") this.out.long(value);
    else if (value instanceof PyFloat) this.out.float(value.value);
    else if (typeof value === "string") {
      if (!this.recall(value)) {
        this.out.text(value);
        this.remember(value);
      }
    } else if (typeof value === "object") {
      if (!this.recall(value)) this.object(value, depth + 1);
    } else throw new TypeError(`pickle: ${typeof value} has no Python form`);
  }

  /** Writes a reference to a value that was written before. */
  private recall(value: unknown): boolean {
    const slot = this.memo.get(value);
    if (slot === undefined) return false;
    this.out.get(slot);
    return true;
  }

  private remember(value: unknown): void {
    this.memo.set(value, this.memoSize);
    this.out.put(this.memoSize++);
  }

  private object(value: PyInput & object, depth: number): void {
    const other = this.substitute(value);
    if (other !== undefined) {
      this.write(other, depth);
      this.aliasOf(value, other);
    } else if (Array.isArray(value)) this.list(value, depth);
    else if (value instanceof Uint8Array) this.bytes(value, depth);
    else if (value instanceof PyTuple) this.tuple(value.items, depth, value);
    else if (value instanceof PyDict) this.dict(value, depth);
    else if (value instanceof PySet) this.set(value, depth);
    else if (value instanceof PyGlobal) this.global(value.name);
    else if (value instanceof PyReduce) this.reduce(value, depth);
    else if (value instanceof PyPersistent) {
      this.write(value.id, depth);
      this.out.op("Q");
    } else if (value instanceof NumpyScalar || value instanceof ObjectArray || value instanceof NumpyDType) {
      this.write(this.numpy(value), depth);
    } else if (value instanceof PyOpaque) throw new TypeError(`pickle: ${value.pyType} cannot be written here`);
    else if (isTensor(value)) {
      const reduced = this.array(value);
      this.write(reduced, depth);
      this.aliasOf(value, reduced);
    } else {
      const items = value instanceof Map ? [...value] : Object.entries(value);
      this.out.op("}");
      this.remember(value);
      this.setItems(items, depth);
    }
  }

  /** Later references to the original find its substitute, where that was kept. */
  private aliasOf(value: object, other: PyInput): void {
    const slot = this.memo.get(other);
    if (slot !== undefined) this.memo.set(value, slot);
  }

  private list(items: readonly PyInput[], depth: number): void {
    this.out.op("]");
    this.remember(items);
    if (items.length === 0) return;
    this.out.op("(");
    for (const item of items) this.write(item, depth);
    this.out.op("e");
  }

  private tuple(items: readonly PyInput[], depth: number, identity: object): void {
    if (items.length === 0) {
      this.out.op(")");
      return;
    }
    if (items.length > 3) this.out.op("(");
    for (const item of items) this.write(item, depth);
    this.out.op(["\x85", "\x86", "\x87"][items.length - 1] ?? "t");
    this.remember(identity);
  }

  private setItems(items: Iterable<readonly [PyInput, PyInput]>, depth: number): void {
    let first = true;
    for (const [key, item] of items) {
      if (first) this.out.op("(");
      first = false;
      this.write(key, depth);
      this.write(item, depth);
    }
    if (!first) this.out.op("u");
  }

  private dict(value: PyDict, depth: number): void {
    if (value.type === "dict") this.out.op("}");
    else {
      this.global(`collections.${value.type}`);
      this.tuple(value.type === "defaultdict" ? [value.factory] : [], depth, {});
      this.out.op("R");
    }
    this.remember(value);
    this.setItems(value, depth);
    if (value.attributes && value.type !== "dict") {
      this.write(value.attributes, depth);
      this.out.op("b");
    }
  }

  private set(value: PySet, depth: number): void {
    const reduced = new PyReduce(value.frozen ? "builtins.frozenset" : "builtins.set", [[...value]]);
    this.write(reduced, depth);
    this.aliasOf(value, reduced);
  }

  private bytes(value: Uint8Array, depth: number): void {
    if (this.protocol === 4) {
      this.out.bytes(value);
      this.remember(value);
    } else if (value.length === 0) this.reduce(new PyReduce("builtins.bytes", []), depth);
    else {
      // protocol 2 has no bytes: Python 3 writes the call that makes them from text
      this.global("_codecs.encode");
      this.out.latin1Text(value);
      this.write("latin1", depth);
      this.out.op("\x86R");
      this.remember(value);
    }
  }

  private global(name: string): void {
    const slot = this.globals.get(name);
    if (slot !== undefined) {
      this.out.get(slot);
      return;
    }
    const dot = name.lastIndexOf(".");
    const [module, attribute] = [name.slice(0, dot), name.slice(dot + 1)];
    if (this.protocol === 2) this.out.op(`c${module === "builtins" ? "__builtin__" : module}\n${attribute}\n`);
    else {
      this.write(module, 0);
      this.write(attribute, 0);
      this.out.op("\x93");
    }
    this.globals.set(name, this.memoSize);
    this.out.put(this.memoSize++);
  }

  private reduce(value: PyReduce, depth: number): void {
    this.global(value.callable);
    // every numpy array has the same arguments: written once
    if (!this.recall(value.args)) this.tuple(value.args, depth, value.args);
    this.out.op("R");
    this.remember(value);
    if (value.state === undefined) return;
    this.write(value.state, depth);
    this.out.op("b");
  }

  private dtype(code: string, order: string, flags = 0): PyReduce {
    const known = this.dtypes.get(order + code);
    if (known) return known;
    const state = new PyTuple([3, order, null, null, null, -1, -1, flags]);
    const made = new PyReduce("numpy.dtype", [code, false, true], state);
    this.dtypes.set(order + code, made);
    return made;
  }

  private numberType(dtype: HostTensor["dtype"]): PyReduce {
    const code = numpyCode(dtype);
    if (!code) throw new TypeError(`pickle: numpy has no ${dtype}`);
    return this.dtype(code, code.endsWith("1") ? "|" : "<");
  }

  private blank(state: readonly PyInput[]): PyReduce {
    // the state holds reduced objects, which only the writer knows
    return new PyReduce("numpy.core.multiarray._reconstruct", this.blankArgs, new PyTuple(state as PyValue[]));
  }

  private array(value: HostTensor): PyReduce {
    const fortran = value instanceof NdArray && value.fortran;
    const data = fortran ? fortranOrder(value.data, value.shape) : value.data;
    return this.blank([1, new PyTuple(value.shape), this.numberType(value.dtype), fortran, bytesOf(data)]);
  }

  private numpy(value: NumpyScalar | ObjectArray | NumpyDType): PyReduce {
    if (value instanceof ObjectArray)
      return this.blank([1, new PyTuple(value.shape), this.dtype("O8", "|", 63), false, [...value.items]]);
    if (value instanceof NumpyScalar)
      return new PyReduce("numpy.core.multiarray.scalar", [this.numberType(value.dtype), value.bytes()]);
    if (value.element === "object") return this.dtype("O8", "|", 63);
    if (value.element === "unicode" || value.element === "bytes")
      throw new TypeError("pickle: text dtypes are not written");
    return this.numberType(value.element);
  }
}

function isTensor(value: object): value is HostTensor {
  return "dtype" in value && "shape" in value && "data" in value && ArrayBuffer.isView(value.data);
}
