/**
 * @file Any checkpoint file, opened: `.pth` (zip or legacy), `.pkl`, `.safetensors`, told apart by content, and brought to
 * one form whatever program wrote it.
 */
import { FileFormatError } from "../../base/errors.js";
import type { HostTensor } from "../../base/tensor.js";
import { type Plain, PyDict, type PyValue, plain } from "../../formats/python.js";
import { readPythonSafetensors } from "../../formats/python-safetensors.js";
import { looksLikeSafetensors } from "../../formats/safetensors.js";
import { fileSource } from "../../formats/source.js";
import { readTorchSource, type TorchFormat } from "../../formats/torch.js";
import { TorchTensor } from "../../formats/torch-values.js";
import { convertOldHow, isOldHow } from "./how-old.js";
import { checkStateDict, type Tolerance } from "./state-dict.js";

/**
 * What a checkpoint is for. "fire" and "how" are named by their version (a FIRe pre-training file has none and is known by
 * its LIT weights), "solar" and "cirtorch" by their meta, "trunk" by the names of a ResNet; "tensors" is any other map
 * from names to tensors, "unknown" anything else.
 */
export type CheckpointKind = "fire" | "how" | "solar" | "cirtorch" | "trunk" | "tensors" | "unknown";

export type CheckpointFormat = TorchFormat | "safetensors";

/** Dictionaries of the file as plain objects. */
export type PlainObject = { readonly [key: string]: Plain };

/** What a checkpoint says of itself, its weights still on disk. Fields that the file lacks are null or empty. */
export interface CheckpointInfo {
  readonly file: string;
  readonly format: CheckpointFormat;
  readonly kind: CheckpointKind;
  /** `_version`, for example "fire/2021"; null in pre-training, SOLAR and bare files. */
  readonly version: string | null;
  /** True when an old HOW file was converted: version and netParams are not in the file itself. */
  readonly converted: boolean;
  readonly epoch: number | null;
  /** The `model` section of the configuration the network was built from. */
  readonly netParams: PlainObject | null;
  readonly meta: PlainObject | null;
  readonly bestScore: number | null;
  readonly scores: Plain;
  /** The weights by their names in the original module, in file order; data are read by `toHost`. */
  readonly tensors: ReadonlyMap<string, TorchTensor>;
  /** Batch counters may be absent: files from before torch 0.4.1 (no `_metadata`) have none. */
  readonly countersOptional: boolean;
  /** Everything, types kept: optimizer and scheduler state, exact ints and floats. */
  readonly root: PyValue;
}

/** An open checkpoint. */
export interface Checkpoint extends CheckpointInfo {
  /** The weights, contiguous. float16 stays float16. */
  readonly stateDict: ReadonlyMap<string, HostTensor>;
}

/**
 * Opens a checkpoint and loads its state dict.
 * @throws MissingDataError when there is no such file; FileFormatError when it is damaged, hostile or no checkpoint
 */
export function openCheckpoint(file: string): Checkpoint {
  const info = peekCheckpoint(file);
  return { ...info, stateDict: new Map([...info.tensors].map(([name, tensor]) => [name, tensor.toHost()])) };
}

/** `openCheckpoint` without loading the weights. */
export function peekCheckpoint(file: string): CheckpointInfo {
  const { format, root } = readAny(file);
  const old = root instanceof PyDict && isOldHow(root);
  return normalise(file, format, old ? convertOldHow(root, file) : root, old);
}

/** The Python value of a checkpoint file as it is, before any conversion. @throws like openCheckpoint */
export function readAny(file: string): { format: CheckpointFormat; root: PyValue } {
  const source = fileSource(file);
  const head = source.read(0, Math.min(source.size, 16));
  if (looksLikeSafetensors(head)) return { format: "safetensors", root: readPythonSafetensors(file) };
  return readTorchSource(source);
}

/**
 * Throws unless the checkpoint has exactly the tensors of an architecture.
 * @throws FileFormatError MissingKey, UnexpectedKey, ShapeMismatch with a list of all faults
 */
export function checkShapes(
  checkpoint: CheckpointInfo,
  expected: ReadonlyMap<string, readonly number[]>,
  tolerance: Tolerance = {},
): void {
  const isCounter = (name: string) => checkpoint.countersOptional && name.endsWith(".num_batches_tracked");
  const mayMiss = (name: string) => isCounter(name) || (tolerance.mayMiss?.(name) ?? false);
  checkStateDict(checkpoint.tensors, expected, checkpoint.file, { ...tolerance, mayMiss });
}

function normalise(file: string, format: CheckpointFormat, root: PyValue, converted: boolean): CheckpointInfo {
  const top = root instanceof PyDict ? root : new PyDict();
  const state = stateOf(top, file);
  const tensors = new Map([...(state ?? [])] as [string, TorchTensor][]);
  const version = top.get("_version");
  const meta = plainObject(top.get("meta"));
  const netParams = plainObject(top.get("net_params"));
  const number = (key: string) => {
    const value = plain(top.get(key) ?? null);
    return typeof value === "number" ? value : null;
  };
  return {
    file,
    format,
    kind: kindOf(typeof version === "string" ? version : null, meta, [...tensors.keys()]),
    version: typeof version === "string" ? version : null,
    converted,
    epoch: number("epoch"),
    netParams,
    meta,
    bestScore: number("best_score"),
    scores: plain(top.get("scores") ?? null),
    tensors,
    countersOptional: state !== undefined && !state.attributes?.has("_metadata") && format !== "safetensors",
    root,
  };
}

/** The map from names to tensors: under "state_dict", or the file itself. */
function stateOf(root: PyDict, file: string): PyDict | undefined {
  const inner = root.get("state_dict");
  if (inner !== undefined) {
    if (inner instanceof PyDict && isTensorMap(inner)) return inner;
    throw new FileFormatError("NotACheckpoint", file, "state_dict is not a map from names to tensors");
  }
  return root.size && isTensorMap(root) ? root : undefined;
}

function isTensorMap(dict: PyDict): boolean {
  return [...dict].every(([name, value]) => typeof name === "string" && value instanceof TorchTensor);
}

function kindOf(version: string | null, meta: PlainObject | null, names: readonly string[]): CheckpointKind {
  if (version !== null) {
    const family = version.split("/")[0];
    return family === "fire" || family === "how" ? family : "unknown";
  }
  if (meta && "pooling" in meta) return "soa" in meta ? "solar" : "cirtorch";
  if (names.length === 0) return "unknown";
  if (names.some((n) => n.startsWith("lit."))) return "fire";
  return names.some((n) => /^(module\.)?(conv1\.weight$|layer1\.|features\.(0\.weight$|4\.))/.test(n))
    ? "trunk"
    : "tensors";
}

function plainObject(value: PyValue | undefined): PlainObject | null {
  if (!(value instanceof PyDict)) return null;
  const object = plain(value);
  return object instanceof Map ? null : (object as PlainObject);
}
