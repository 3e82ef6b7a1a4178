/**
 * @file Where the weights are. Trainers save them under many keys ({state_dict}, {model}, {model_state_dict}, one inside
 * another), and data-parallel or compiled modules put a prefix before every name (`module.`, `_orig_mod.`, `model.`).
 * Both are taken off here, once, for every command.
 */
import { FileFormatError } from "../../base/errors.js";
import { PyDict, type PyValue } from "../../formats/python.js";
import { TorchTensor } from "../../formats/torch-values.js";
import { PyUnknown } from "../../formats/unknown-globals.js";

/** What a checkpoint looks like without its wrapping. */
export interface Unwrapped {
  /** The file's dictionaries as one, the weights under "state_dict" where there are any. */
  readonly top: PyDict;
  /** Names to tensors, without prefix. */
  readonly state: PyDict | undefined;
  /** What was taken off, in words; null where the weights stand as fire-gpu's own do. */
  readonly wrapping: string | null;
  /** Keys or prefixes of several networks, of which none is the obvious one. */
  readonly ambiguous: readonly string[];
}

const weightKeys = [
  "model_state_dict",
  "model",
  "net",
  "network",
  "module",
  "weights",
  "params",
  "checkpoint",
  "model_state",
];
const maxDepth = 4;

/** @throws FileFormatError NotACheckpoint when state_dict holds no tensors, ForbiddenGlobal when it needs an unknown class */
export function unwrap(root: PyValue, file: string): Unwrapped {
  if (!(root instanceof PyDict)) return { top: new PyDict(), state: undefined, wrapping: null, ambiguous: [] };
  const found = weightsIn(root, file, 0);
  if ("ambiguous" in found) return { top: root, state: undefined, wrapping: null, ambiguous: found.ambiguous };
  const { path, state: stored } = found;
  const prefixes = prefixesOf(stored);
  const [prefix] = prefixes;
  const ambiguous = prefixes.length > 1 ? prefixes : [];
  const direct = path.length === 0 || (path.length === 1 && path[0] === "state_dict");
  if (direct && (ambiguous.length > 0 || !prefix)) return { top: root, state: stored, wrapping: null, ambiguous };
  const state = ambiguous.length > 0 || !prefix ? stored : withoutPrefix(stored, prefix);
  const words = [direct ? "" : `key ${path.join(".")}`, state === stored ? "" : `prefix "${prefix}"`];
  return { top: merged(root, path, state), state, wrapping: words.filter((w) => w).join(", "), ambiguous };
}

type Found = { readonly path: string[]; readonly state: PyDict } | { readonly ambiguous: string[] };

function weightsIn(dict: PyDict, file: string, depth: number): Found {
  const below = (key: string): Found => {
    const inner = dict.get(key);
    refuseUnknown(inner, key, file);
    if (!(inner instanceof PyDict) || depth >= maxDepth) return { ambiguous: [] };
    if (isTensorMap(inner) && inner.size) return { path: [key], state: inner };
    const found = weightsIn(inner, file, depth + 1);
    return "state" in found ? { path: [key, ...found.path], state: found.state } : found;
  };
  if (dict.has("state_dict")) {
    const inner = dict.get("state_dict");
    if (inner instanceof PyDict && inner.size === 0) return { path: ["state_dict"], state: inner };
    const found = below("state_dict");
    if ("state" in found) return found;
    throw new FileFormatError("NotACheckpoint", file, "state_dict is not a map from names to tensors");
  }
  if (dict.size && isTensorMap(dict)) return { path: [], state: dict };
  for (const key of weightKeys.filter((k) => dict.get(k) instanceof PyDict)) {
    const found = below(key);
    if ("state" in found) return found;
  }
  const maps = [...dict].filter(([, v]) => v instanceof PyDict && v.size > 0 && isTensorMap(v)).map(([k]) => String(k));
  return maps.length === 1 ? below(maps[0]) : { ambiguous: maps };
}

/** Weights of a class that only the program that saved them knows are not there for us. */
function refuseUnknown(state: PyValue | undefined, key: string, file: string): void {
  const values: [string, PyValue | undefined][] =
    state instanceof PyDict && [...state.values()].some((v) => v instanceof TorchTensor)
      ? [...state].map(([name, v]) => [`${key}: ${String(name)}`, v])
      : [[key, state]];
  for (const [where, value] of values)
    if (value instanceof PyUnknown)
      throw new FileFormatError(
        "ForbiddenGlobal",
        file,
        `${where} is of the class ${value.name}, which no weights need; nothing was run`,
      );
}

function isTensorMap(dict: PyDict): boolean {
  return [...dict].every(([name, value]) => typeof name === "string" && value instanceof TorchTensor);
}

/** First convolutions of a ResNet trunk, and what else must be there for them to be one. */
const stems = [
  ["features.0.weight", "features.4.0.conv1.weight"],
  ["conv1.weight", "layer1.0.conv1.weight"],
  ["0.weight", "4.0.conv1.weight"],
] as const;

/** What stands before the names of each trunk: nothing or one prefix, as a rule. */
function prefixesOf(state: PyDict): string[] {
  for (const [stem, block] of stems) {
    const prefixes = [...state.keys()]
      .map(String)
      .filter((name) => name === stem || name.endsWith(`.${stem}`))
      .map((name) => name.slice(0, -stem.length))
      .filter((prefix) => state.has(prefix + block));
    if (prefixes.length) return prefixes.includes("") ? [] : prefixes;
  }
  return [];
}

function withoutPrefix(state: PyDict, prefix: string): PyDict {
  const out = new PyDict("OrderedDict");
  for (const [key, value] of state) {
    const name = key as string;
    out.set(name.startsWith(prefix) ? name.slice(prefix.length) : name, value);
  }
  out.attributes = state.attributes;
  return out;
}

/** Keys of all dictionaries on the way, inner ones before outer ones, and the weights. */
function merged(root: PyDict, path: readonly string[], state: PyDict): PyDict {
  const out = new PyDict();
  let dict: PyValue | undefined = root;
  for (const key of path) {
    if (!(dict instanceof PyDict)) break;
    for (const [k, v] of dict) if (k !== key) out.set(k, v);
    dict = dict.get(key);
  }
  out.set("state_dict", state);
  return out;
}
