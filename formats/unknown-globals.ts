/**
 * @file Names of Python that a checkpoint mentions and that are not on the list. Trainers keep much beside the weights:
 * arguments, counters, dates, schedulers. Such a value is never built: a note of its name stands for it, so that the weights
 * can be read. Nothing of Python is ever run; names that no honest file has reason to mention end the reading all the same,
 * so that the user hears of it.
 */
import { ObjectArray, PyDict, PyGlobal, PyOpaque, PySet, PyTuple, type PyValue } from "./python.js";

/** A class, function or object that is only known by its name. What the file says of its content is passed over. */
export class PyUnknown extends PyOpaque {
  constructor(readonly name: string) {
    super();
  }
  get pyType(): string {
    return `${this.name}, not read`;
  }
}

/** Modules that run code, or reach for files, the network or other programs. */
const hostileModules = new Set(
  `os posix nt posixpath ntpath sys subprocess popen2 commands pty platform shutil pathlib io _io tempfile glob fileinput
   socket _socket ssl http urllib urllib2 requests ftplib smtplib telnetlib xmlrpc webbrowser antigravity
   importlib imp runpy pkgutil zipimport pip setuptools distutils ensurepip venv site
   code codeop ast dis inspect gc pdb bdb trace profile cProfile timeit doctest unittest nose pytest
   ctypes _ctypes cffi marshal pickle _pickle cPickle shelve dill cloudpickle joblib
   threading _thread asyncio multiprocessing concurrent signal atexit resource mmap operator _operator`.split(/\s+/),
);

/** Of builtins, what is no more than data. All else there, above all eval, exec, getattr and open, is refused. */
const harmlessBuiltins = new Set([
  "complex",
  "slice",
  "range",
  "xrange",
  "object",
  "long",
  "unicode",
  "type",
  "Ellipsis",
]);
const harmlessNames = new Set(["operator.attrgetter", "operator.itemgetter"]);
const hostileTorch =
  /^torch\.(hub|load|serialization|jit|utils\.cpp_extension|package|multiprocessing|distributed\.rpc)\b/;

/** Whether a name is one that only an attack mentions. Dotted names are judged by every part. */
export function looksHostile(module: string, name: string): boolean {
  const full = `${module}.${name}`;
  if (module === "builtins" || module === "__builtin__") return !harmlessBuiltins.has(name);
  if (harmlessNames.has(full)) return false;
  const [top] = module.split(".");
  if (hostileModules.has(top) || hostileTorch.test(full)) return true;
  return name.includes(".") && name.split(".").some((part) => hostileModules.has(part) || part.startsWith("__"));
}

/** copyreg's ways of making an object: what they make is their first argument's. */
const makers = /^copy_?reg\.(_reconstructor|__newobj__|__newobj_ex__)$/;

/** What a call gives that cannot be made: something unknown, by the most telling name. */
export function unknownResult(type: PyValue, args: readonly PyValue[]): PyUnknown | undefined {
  const unknown = args.find((a): a is PyUnknown => a instanceof PyUnknown);
  if (type instanceof PyUnknown) return makers.test(type.name) ? named(args[0], type) : type;
  return unknown;
}

function named(value: PyValue | undefined, otherwise: PyUnknown): PyUnknown {
  if (value instanceof PyUnknown) return value;
  return value instanceof PyGlobal ? new PyUnknown(value.name) : otherwise;
}

/** Whether a state for BUILD needs something unknown: then so does the object. */
export function unknownIn(state: PyValue): PyUnknown | undefined {
  if (state instanceof PyUnknown) return state;
  return state instanceof PyTuple ? state.items.find((i): i is PyUnknown => i instanceof PyUnknown) : undefined;
}

/**
 * Takes everything unknown out of a value that is to be written where it has no form: items of dicts and sets go, places in
 * lists and tuples become None. Changes the value itself. @returns what was left out, as "path (name)"
 */
export function leaveOutUnknown(root: PyValue): string[] {
  const left: string[] = [];
  const done = new Set<PyValue>();
  const isUnknown = (value: PyValue, path: string): value is PyUnknown => {
    if (!(value instanceof PyUnknown)) return false;
    left.push(`${path} (${value.name})`);
    return true;
  };
  const walk = (value: PyValue, path: string): void => {
    if (typeof value !== "object" || value === null || done.has(value)) return;
    done.add(value);
    const below = (key: string | number) => (path ? `${path}.${key}` : String(key));
    if (value instanceof PyDict) {
      for (const [key, item] of value) {
        const place = below(typeof key === "string" || typeof key === "number" ? key : "key");
        if (isUnknown(item, place) || isUnknown(key, place)) value.delete(key);
        else walk(item, place);
      }
      if (value.attributes) walk(value.attributes, below("attributes"));
    } else if (value instanceof PySet) {
      for (const item of value) if (isUnknown(item, path)) value.delete(item);
    } else {
      const items = Array.isArray(value)
        ? value
        : value instanceof PyTuple || value instanceof ObjectArray
          ? value.items
          : [];
      items.forEach((item, i) => {
        if (isUnknown(item, below(i))) (items as PyValue[])[i] = null;
        else walk(item, below(i));
      });
    }
  };
  walk(root, "");
  return left;
}
