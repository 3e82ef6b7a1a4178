/**
 * @file The allow-list: every global name a pickle may mention, and what calling it builds. Nothing of Python is run;
 * each entry is a small constructor of our own. A name that is not listed ends the reading with ForbiddenGlobal.
 */
import type { Budget } from "./budget.js";
import { arrayFrom, BlankArray, latin1Bytes, NumpyDType, scalarFrom } from "./numpy.js";
import { entryCost, memoryCost } from "./pickle-limits.js";
import { BuildError, PyDict, PyGlobal, PySet, PyTuple, type PyValue, pyType } from "./python.js";

/** What a listed name stands for. */
export interface AllowedGlobal {
  /** The name is itself a value (torch.float16). Without it, the name is a class that can only be called. */
  value?: PyValue;
  /**
   * Builds the object for REDUCE, NEWOBJ, INST and OBJ, and charges what it copies of its arguments. Throws BuildError on
   * wrong arguments.
   */
  call?: (args: readonly PyValue[], budget: Budget) => PyValue;
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

/** Items of a list, tuple or set argument, to be copied; none for no argument. */
function itemsOf(name: string, args: readonly PyValue[], budget: Budget): readonly PyValue[] {
  if (args.length === 0) return [];
  const [source] = args;
  const items = Array.isArray(source) || source instanceof PySet ? source : source instanceof PyTuple && source.items;
  if (args.length > 1 || !items) throw wrongArguments(name, args);
  budget.take(2 * memoryCost.slot * (items instanceof Set ? items.size : items.length), `a ${name}`);
  return [...items];
}

/** dict(…) from a list of pairs (Python 2 wrote OrderedDicts so) or from another dict. */
function fillDict(dict: PyDict, name: string, args: readonly PyValue[], budget: Budget): PyDict {
  if (args.length === 1 && args[0] instanceof PyDict) {
    for (const [k, v] of args[0]) {
      budget.take(entryCost(k), `a ${name}`);
      dict.set(k, v);
    }
    return dict;
  }
  for (const pair of itemsOf(name, args, budget)) {
    const two = pair instanceof PyTuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (two.length !== 2) throw wrongArguments(name, args);
    budget.take(entryCost(two[0]), `a ${name}`);
    dict.set(two[0], two[1]);
  }
  return dict;
}

function set(frozen: boolean, name: string): AllowedGlobal {
  return {
    call: (args, budget) => {
      const items = itemsOf(name, args, budget);
      for (const item of items) budget.take(entryCost(item), `a ${name}`);
      const out = new PySet(items);
      out.frozen = frozen;
      return out;
    },
  };
}

function path(name: string, separator: string): [string, AllowedGlobal] {
  const call = (args: readonly PyValue[], budget: Budget) => {
    if (!args.every((a) => typeof a === "string")) throw wrongArguments(name, args);
    budget.take(
      args.reduce((n, a) => n + 2 * a.length, 0),
      "a path",
    );
    const [first, ...rest] = args as string[];
    if (first === undefined) return ".";
    // the first part of an absolute path is its root, which carries its own separator
    return rest.length && first.endsWith(separator) ? first + rest.join(separator) : [first, ...rest].join(separator);
  };
  return [`pathlib.${name}`, { call }];
}

function bytes(args: readonly PyValue[], budget: Budget): Uint8Array {
  if (args.length === 0) return new Uint8Array(0);
  if (args.length === 1 && args[0] instanceof Uint8Array) return args[0];
  if (args.length === 2 && args[1] === "latin-1" && typeof args[0] === "string")
    return copied(args[0], "latin-1", budget);
  throw wrongArguments("bytes", args);
}

function copied(text: string, encoding: "latin-1" | "utf-8", budget: Budget): Uint8Array {
  // beside the bytes, the buffer that holds them
  budget.take(256 + (encoding === "utf-8" ? 3 : 1) * text.length, "bytes");
  return encoding === "utf-8" ? new TextEncoder().encode(text) : latin1Bytes(text);
}

/** Python 2 and protocol 2 write bytes as _codecs.encode(text, "latin1"). */
function encode(args: readonly PyValue[], budget: Budget): Uint8Array {
  const [text, encoding = "utf-8"] = args;
  if (typeof text === "string" && (encoding === "latin1" || encoding === "latin-1"))
    return copied(text, "latin-1", budget);
  if (typeof text === "string" && (encoding === "utf-8" || encoding === "utf8")) return copied(text, "utf-8", budget);
  throw wrongArguments("_codecs.encode", args);
}

function reconstruct(args: readonly PyValue[]): BlankArray {
  const [type] = args;
  if (args.length === 3 && type instanceof PyGlobal && type.name === "numpy.ndarray") return new BlankArray();
  throw wrongArguments("numpy.core.multiarray._reconstruct", args);
}

/** Protocol 5, buffer in band: (bytes, dtype, shape, "C" or "F"). */
function fromBuffer(args: readonly PyValue[], budget: Budget): PyValue {
  const [data, dtype, shape, order] = args;
  if (args.length !== 4 || (order !== "C" && order !== "F")) throw wrongArguments("numpy _frombuffer", args);
  return arrayFrom(shape, dtype, order === "F", data, budget);
}

/** Builtin containers, collections, numpy and paths: all that a plain pickle (data set, cache) may mention. */
export const plainGlobals: AllowList = new Map<string, AllowedGlobal>([
  ["builtins.list", { call: (args, budget) => [...itemsOf("list", args, budget)] }],
  ["builtins.tuple", { call: (args, budget) => new PyTuple(itemsOf("tuple", args, budget)) }],
  ["builtins.dict", { call: (args, budget) => fillDict(new PyDict(), "dict", args, budget) }],
  ["builtins.set", set(false, "set")],
  ["builtins.frozenset", set(true, "frozenset")],
  ["builtins.bytes", { call: bytes }],
  ["builtins.bytearray", { call: bytes }],
  // only as factories of defaultdict
  ["builtins.int", {}],
  ["builtins.float", {}],
  ["builtins.str", {}],
  ["builtins.bool", {}],
  [
    "collections.OrderedDict",
    { call: (args, budget) => fillDict(new PyDict("OrderedDict"), "OrderedDict", args, budget) },
  ],
  [
    "collections.defaultdict",
    {
      call: ([factory = null, ...rest], budget) => {
        const named = factory instanceof PyGlobal && factories.has(factory.name);
        if (factory !== null && !named) throw wrongArguments("defaultdict", [factory]);
        return fillDict(new PyDict("defaultdict", factory as PyGlobal | null), "defaultdict", rest, budget);
      },
    },
  ],
  ["_codecs.encode", { call: encode }],
  ["numpy.ndarray", {}],
  ["numpy.dtype", { call: ([code]) => NumpyDType.parse(code) }],
  ["numpy.core.multiarray._reconstruct", { call: reconstruct }],
  ["numpy.core.multiarray.scalar", { call: ([dtype, data], budget) => scalarFrom(dtype, data, budget) }],
  ["numpy.core.numeric._frombuffer", { call: fromBuffer }],
  path("PosixPath", "/"),
  path("PurePosixPath", "/"),
  path("WindowsPath", "\\"),
  path("PureWindowsPath", "\\"),
]);
