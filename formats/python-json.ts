/**
 * @file Python values as JSON and back, without loss: what a safetensors file keeps of a checkpoint besides its tensors.
 * int, bool, str, None and list are JSON's own; a number with a fraction is a float; all else is an object with one tag:
 * {"float": "nan"}, {"tuple": […]}, {"dict": [[key, value], …]}, {"tensor": "name"}, …
 */
import type { HostTensor } from "../base/tensor.js";
import { bytesPerElement, checkedCount, isDType } from "./dtypes.js";
import {
  BuildError,
  NdArray,
  NumpyScalar,
  ObjectArray,
  PyDict,
  PyFloat,
  PyGlobal,
  PySet,
  PyTuple,
  type PyValue,
  pyType,
} from "./python.js";
import { torchGlobals } from "./torch-globals.js";
import { TorchDevice, TorchDType, TorchTensor } from "./torch-values.js";
import { PyUnknown } from "./unknown-globals.js";

/** What JSON.parse returns. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Puts a tensor or array aside and returns the name it can be found by. `path` says where it stood. */
export type StoreTensor = (tensor: TorchTensor | NdArray, path: readonly string[]) => string;

/** Finds what StoreTensor put aside. @throws BuildError or FileFormatError when there is none */
export interface TensorLookup {
  tensor: (name: string) => TorchTensor;
  array: (name: string) => HostTensor;
}

/** Where a value stands, innermost first: a list of keys for each value would take more memory than the values. */
interface Place {
  readonly key: string;
  readonly above: Place | null;
}

function keysOf(place: Place | null): string[] {
  const keys: string[] = [];
  for (let p = place; p; p = p.above) keys.push(p.key);
  return keys.reverse();
}

/** @throws BuildError UnsupportedFeature for values that JSON cannot carry (bare storages) */
export function pythonToJson(value: PyValue, store: StoreTensor): Json {
  return jsonOf(value, store, null);
}

function jsonOf(value: PyValue, store: StoreTensor, place: Place | null): Json {
  const item = (v: PyValue, key: string | number) => jsonOf(v, store, { key: String(key), above: place });
  const list = (items: Iterable<PyValue>) => [...items].map(item);
  if (value === null || typeof value === "boolean" || typeof value === "string" || typeof value === "number")
    return value;
  if (typeof value === "bigint") return { int: String(value) };
  if (value instanceof PyFloat) return floatJson(value.value);
  if (Array.isArray(value)) return list(value);
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (value instanceof PyTuple) return { [value.type]: list(value.items) };
  if (value instanceof PySet) return { [value.frozen ? "frozenset" : "set"]: list(value) };
  if (value instanceof PyDict) {
    const items = [...value].map(([k, v]): Json => [item(k, "key"), item(v, keyText(k))]);
    const out: Record<string, Json> = { [value.type]: items };
    if (value.factory) out.factory = value.factory.name;
    if (value.attributes) out.attributes = item(value.attributes, "attributes");
    return out;
  }
  if (value instanceof TorchTensor) {
    const out: Record<string, Json> = { tensor: store(value, keysOf(place)) };
    if (value.isParameter) out.parameter = true;
    if (value.requiresGrad) out.requires_grad = true;
    return out;
  }
  if (value instanceof NdArray) return { ndarray: store(value, keysOf(place)), fortran: value.fortran };
  if (value instanceof ObjectArray) return { objects: list(value.items), shape: [...value.shape] };
  if (value instanceof NumpyScalar) return { scalar: Buffer.from(value.bytes()).toString("hex"), dtype: value.dtype };
  if (value instanceof TorchDevice) return { device: value.name };
  if (value instanceof TorchDType) return { torch_dtype: value.name };
  if (value instanceof PyGlobal) return { global: value.name };
  if (value instanceof PyUnknown) return { unknown: value.name };
  throw new BuildError("UnsupportedFeature", `${pyType(value)} at ${keysOf(place).join("/")} cannot be kept`);
}

/** The value that pythonToJson described. @throws BuildError MalformedFile for JSON of any other form */
export function pythonFromJson(json: unknown, lookup: TensorLookup, depth = 0): PyValue {
  const value = (j: unknown) => pythonFromJson(j, lookup, depth + 1);
  if (depth > maxDepth) throw malformed(`nested deeper than ${maxDepth}`);
  if (json === null || typeof json === "boolean" || typeof json === "string") return json;
  if (typeof json === "number") return Number.isSafeInteger(json) ? json : new PyFloat(json);
  if (Array.isArray(json)) return json.map(value);
  if (typeof json !== "object") throw malformed(`a value of type ${typeof json}`);
  const tagged = json as Record<string, unknown>;
  const [tag] = Object.keys(tagged);
  const read = Object.hasOwn(readers, tag ?? "") ? readers[tag] : undefined;
  if (!read) throw malformed(`an object with the tag ${String(tag).slice(0, 40)}`);
  return read(tagged[tag], tagged, { value, lookup });
}

/** JSON writes neither infinities nor that 2.0 is a float. */
function floatJson(x: number): Json {
  const exact = Number.isFinite(x) && !Number.isSafeInteger(x);
  return exact ? x : { float: Object.is(x, -0) ? "-0" : String(x) };
}

function keyText(key: PyValue): string {
  return typeof key === "string" || typeof key === "number" ? String(key) : "item";
}

const maxDepth = 1000;
const malformed = (detail: string) =>
  new BuildError("MalformedFile", `the description of the checkpoint has ${detail}`);

interface ReadContext {
  value: (json: unknown) => PyValue;
  lookup: TensorLookup;
}
type Reader = (content: unknown, all: Readonly<Record<string, unknown>>, context: ReadContext) => PyValue;

function text(content: unknown): string {
  if (typeof content !== "string") throw malformed(`${typeof content} where text is expected`);
  return content;
}

function items(content: unknown, { value }: ReadContext): PyValue[] {
  if (!Array.isArray(content)) throw malformed(`${typeof content} where a list is expected`);
  return content.map(value);
}

function named(name: string): PyGlobal | PyValue {
  const known = torchGlobals.get(name);
  // a file must not smuggle other names into the pickle that may be written from it
  if (!known) throw new BuildError("ForbiddenGlobal", `the file refers to ${name}, which no checkpoint needs`);
  return known.value ?? new PyGlobal(name);
}

function dict(type: PyDict["type"]): Reader {
  return (content, all, context) => {
    const factory = all.factory === undefined ? null : named(text(all.factory));
    if (factory !== null && !(factory instanceof PyGlobal)) throw malformed("a factory that is no class");
    const out = new PyDict(type, factory);
    for (const pair of items(content, context)) {
      if (!Array.isArray(pair) || pair.length !== 2) throw malformed("a dict item that is no pair");
      out.set(pair[0], pair[1]);
    }
    const attributes = all.attributes === undefined ? undefined : context.value(all.attributes);
    if (attributes !== undefined && !(attributes instanceof PyDict)) throw malformed("attributes that are no dict");
    out.attributes = attributes;
    return out;
  };
}

function set(frozen: boolean): Reader {
  return (content, _, context) => Object.assign(new PySet(items(content, context)), { frozen });
}

const readers: Readonly<Record<string, Reader>> = {
  int: (content) => {
    if (!/^-?\d{1,5000}$/.test(text(content))) throw malformed("an integer without digits");
    return BigInt(text(content));
  },
  float: (content) => new PyFloat(Number(text(content))),
  bytes: (content) => new Uint8Array(Buffer.from(text(content), "base64")),
  tuple: (content, _, context) => new PyTuple(items(content, context)),
  "torch.Size": (content, _, context) => new PyTuple(items(content, context), "torch.Size"),
  set: set(false),
  frozenset: set(true),
  dict: dict("dict"),
  OrderedDict: dict("OrderedDict"),
  defaultdict: dict("defaultdict"),
  tensor: (content, all, { lookup }) => {
    const tensor = lookup.tensor(text(content));
    if (all.parameter === true) return tensor.asParameter(all.requires_grad === true);
    return all.requires_grad === true ? tensor.requiringGrad() : tensor;
  },
  ndarray: (content, all, { lookup }) => {
    const { dtype, shape, data } = lookup.array(text(content));
    return new NdArray(dtype, shape, data, all.fortran === true);
  },
  objects: (content, all, context) => {
    const list = items(content, context);
    if (!Array.isArray(all.shape) || checkedCount(all.shape) !== list.length)
      throw malformed("an array of another shape");
    return new ObjectArray(all.shape as number[], list);
  },
  scalar: (content, all) => {
    const bytes = new Uint8Array(Buffer.from(text(content), "hex"));
    if (!isDType(all.dtype) || bytes.length !== bytesPerElement[all.dtype]) throw malformed("a scalar of another size");
    return NumpyScalar.fromBytes(all.dtype, bytes);
  },
  device: (content) => new TorchDevice(text(content)),
  torch_dtype: (content) => named(text(content)),
  global: (content) => named(text(content)),
  // only a note: no writer of pickles takes it
  unknown: (content) => new PyUnknown(text(content).slice(0, 200)),
};
