/**
 * @file The allow-list: every global name a pickle may mention, and what calling it builds. Nothing of Python is run;
 * each entry is a small constructor of our own. A name that is not listed ends the reading with ForbiddenGlobal.
 */
import { arrayFrom, BlankArray, latin1Bytes, NumpyDType, scalarFrom } from "./numpy.js";
import { BuildError, PyDict, PyGlobal, PySet, PyTuple, type PyValue, pyType } from "./python.js";

/** What a listed name stands for. */
export interface AllowedGlobal {
  /** The name is itself a value (torch.float16). Without it, the name is a class that can only be called. */
  value?: PyValue;
  /** Builds the object for REDUCE, NEWOBJ, INST and OBJ. Throws BuildError on wrong arguments. */
  call?: (args: readonly PyValue[]) => PyValue;
}

export type AllowList = ReadonlyMap<string, AllowedGlobal>;

/** Python 2's and newer numpy's module names in the one spelling that the tables use. */
export function canonicalName(module: string, name: string): string {
  const spelled = module.replace(/^__builtin__$/, "builtins").replace(/^numpy\._core\b/, "numpy.core");
  return `${spelled}.${name}`;
}

/** Error of a constructor; the unpickler adds the file and the position. */
export function wrongArguments(name: string, args: readonly PyValue[]): BuildError {
  return new BuildError("MalformedPickle", `${name}(${args.map(pyType).join(", ")}) is not a call that files make`);
}

const factories = new Set(["list", "dict", "set", "int", "float", "str", "bool", "tuple"].map((n) => `builtins.${n}`));

/** Items of a list, tuple or set argument; none for no argument. */
function itemsOf(name: string, args: readonly PyValue[]): readonly PyValue[] {
  if (args.length === 0) return [];
  const [source] = args;
  if (args.length === 1) {
    if (Array.isArray(source)) return source;
    if (source instanceof PyTuple) return source.items;
    if (source instanceof PySet) return [...source];
  }
  throw wrongArguments(name, args);
}

/** dict(…) from a list of pairs (Python 2 wrote OrderedDicts so) or from another dict. */
function fillDict(dict: PyDict, name: string, args: readonly PyValue[]): PyDict {
  if (args.length === 1 && args[0] instanceof PyDict) {
    for (const [k, v] of args[0]) dict.set(k, v);
    return dict;
  }
  for (const pair of itemsOf(name, args)) {
    const two = itemsOf(name, [pair]);
    if (two.length !== 2) throw wrongArguments(name, args);
    dict.set(two[0], two[1]);
  }
  return dict;
}

function set(frozen: boolean, name: string): AllowedGlobal {
  return {
    call: (args) => {
      const out = new PySet(itemsOf(name, args));
      out.frozen = frozen;
      return out;
    },
  };
}

function path(name: string, separator: string): [string, AllowedGlobal] {
  const call = (args: readonly PyValue[]) => {
    if (!args.every((a) => typeof a === "string")) throw wrongArguments(name, args);
    const [first, ...rest] = args as string[];
    if (first === undefined) return ".";
    // the first part of an absolute path is its root, which carries its own separator
    return rest.length && first.endsWith(separator) ? first + rest.join(separator) : [first, ...rest].join(separator);
  };
  return [`pathlib.${name}`, { call }];
}

function bytes(args: readonly PyValue[]): Uint8Array {
  if (args.length === 0) return new Uint8Array(0);
  if (args.length === 1 && args[0] instanceof Uint8Array) return args[0];
  if (args.length === 2 && args[1] === "latin-1" && typeof args[0] === "string") return latin1Bytes(args[0]);
  throw wrongArguments("bytes", args);
}

/** Python 2 and protocol 2 write bytes as _codecs.encode(text, "latin1"). */
function encode(args: readonly PyValue[]): Uint8Array {
  const [text, encoding = "utf-8"] = args;
  if (typeof text === "string" && (encoding === "latin1" || encoding === "latin-1")) return latin1Bytes(text);
  if (typeof text === "string" && (encoding === "utf-8" || encoding === "utf8")) return new TextEncoder().encode(text);
  throw wrongArguments("_codecs.encode", args);
}

function reconstruct(args: readonly PyValue[]): BlankArray {
  const [type] = args;
  if (args.length === 3 && type instanceof PyGlobal && type.name === "numpy.ndarray") return new BlankArray();
  throw wrongArguments("numpy.core.multiarray._reconstruct", args);
}

/** Protocol 5, buffer in band: (bytes, dtype, shape, "C" or "F"). */
function fromBuffer(args: readonly PyValue[]): PyValue {
  const [data, dtype, shape, order] = args;
  if (args.length !== 4 || (order !== "C" && order !== "F")) throw wrongArguments("numpy _frombuffer", args);
  return arrayFrom(shape, dtype, order === "F", data);
}

/** Builtin containers, collections, numpy and paths: all that a plain pickle (data set, cache) may mention. */
export const plainGlobals: AllowList = new Map<string, AllowedGlobal>([
  ["builtins.list", { call: (args) => [...itemsOf("list", args)] }],
  ["builtins.tuple", { call: (args) => new PyTuple(itemsOf("tuple", args)) }],
  ["builtins.dict", { call: (args) => fillDict(new PyDict(), "dict", args) }],
  ["builtins.set", set(false, "set")],
  ["builtins.frozenset", set(true, "frozenset")],
  ["builtins.bytes", { call: bytes }],
  ["builtins.bytearray", { call: bytes }],
  // only as factories of defaultdict
  ["builtins.int", {}],
  ["builtins.float", {}],
  ["builtins.str", {}],
  ["builtins.bool", {}],
  ["collections.OrderedDict", { call: (args) => fillDict(new PyDict("OrderedDict"), "OrderedDict", args) }],
  [
    "collections.defaultdict",
    {
      call: ([factory = null, ...rest]) => {
        const named = factory instanceof PyGlobal && factories.has(factory.name);
        if (factory !== null && !named) throw wrongArguments("defaultdict", [factory]);
        return fillDict(new PyDict("defaultdict", factory as PyGlobal | null), "defaultdict", rest);
      },
    },
  ],
  ["_codecs.encode", { call: encode }],
  ["numpy.ndarray", {}],
  ["numpy.dtype", { call: ([code]) => NumpyDType.parse(code) }],
  ["numpy.core.multiarray._reconstruct", { call: reconstruct }],
  ["numpy.core.multiarray.scalar", { call: ([dtype, data]) => scalarFrom(dtype, data) }],
  ["numpy.core.numeric._frombuffer", { call: fromBuffer }],
  path("PosixPath", "/"),
  path("PurePosixPath", "/"),
  path("WindowsPath", "\\"),
  path("PureWindowsPath", "\\"),
]);
