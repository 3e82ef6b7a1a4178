/**
 * @file Any checkpoint file, opened: `.pth` (zip or legacy), `.pkl`, `.safetensors`, told apart by content, and brought to
 * one form whatever program wrote it.
 */
import type { HostTensor } from "../../base/tensor.js";
import { type Plain, PyDict, type PyValue, plain } from "../../formats/python.js";
import { readPythonSafetensors } from "../../formats/python-safetensors.js";
import { looksLikeSafetensors } from "../../formats/safetensors.js";
import { fileSource } from "../../formats/source.js";
import { readTorchSource, type TorchFormat } from "../../formats/torch.js";
import type { TorchTensor } from "../../formats/torch-values.js";
import { convertOldHow, isOldHow } from "./how-old.js";
import { requireSound } from "./sound.js";
import { checkStateDict, type Tolerance } from "./state-dict.js";
import { type Unwrapped, unwrap } from "./unwrap.js";

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
  /** Key or prefix under which the weights stand in the file, in words; null where there is none. */
  readonly wrapping: string | null;
  /** Keys or prefixes of several networks in one file, of which none is the obvious one. */
  readonly ambiguous: readonly string[];
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
 * @throws MissingDataError when there is no such file; FileFormatError when it is damaged, hostile or no checkpoint, or
 *   when a network's weights are not numbers (NotFinite, naming the tensor)
 */
export function openCheckpoint(file: string): Checkpoint {
  const info = peekCheckpoint(file);
  const stateDict = new Map([...info.tensors].map(([name, tensor]) => [name, tensor.toHost()]));
  if (isNetwork(info)) for (const [name, tensor] of stateDict) requireSound(file, name, tensor);
  return { ...info, stateDict };
}

/** Reads a network's weights one after the other, only to look at them. @throws FileFormatError as openCheckpoint */
export function checkWeights(info: CheckpointInfo): void {
  if (isNetwork(info)) for (const [name, tensor] of info.tensors) requireSound(info.file, name, tensor.toHost());
}

function isNetwork({ kind }: CheckpointInfo): boolean {
  return kind !== "tensors" && kind !== "unknown";
}

/** `openCheckpoint` without loading the weights. */
export function peekCheckpoint(file: string): CheckpointInfo {
  const { format, root } = readAny(file);
  const found = unwrap(root, file);
  if (!isOldHow(found.top)) return normalise(file, format, root, found);
  const converted = convertOldHow(found.top, file);
  return { ...normalise(file, format, converted, { ...found, ...unwrap(converted, file) }), converted: true };
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

/** For messages: nothing, or that a file holds several networks and what to do. */
export function severalNetworks({ ambiguous }: Pick<CheckpointInfo, "ambiguous">): string {
  if (ambiguous.length < 2) return "";
  return `; it holds several sets of weights (${ambiguous.join(", ")}): save one of them alone, as state_dict`;
}

function normalise(file: string, format: CheckpointFormat, root: PyValue, found: Unwrapped): CheckpointInfo {
  const { top, state, wrapping, ambiguous } = found;
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
    converted: false,
    epoch: number("epoch"),
    netParams,
    meta,
    bestScore: number("best_score"),
    scores: plain(top.get("scores") ?? null),
    tensors,
    countersOptional: state !== undefined && !state.attributes?.has("_metadata") && format !== "safetensors",
    wrapping,
    ambiguous,
    root,
  };
}

function kindOf(version: string | null, meta: PlainObject | null, names: readonly string[]): CheckpointKind {
  if (version !== null) {
    const family = version.split("/")[0];
    return family === "fire" || family === "how" ? family : "unknown";
  }
  if (meta && "pooling" in meta) return "soa" in meta ? "solar" : "cirtorch";
  if (names.length === 0) return "unknown";
  if (names.some((n) => n.startsWith("lit."))) return "fire";
  return names.some((n) => /^(conv1\.weight$|layer1\.|features\.(0\.weight$|4\.)|4\.0\.conv1\.weight$)/.test(n))
    ? "trunk"
    : "tensors";
}

function plainObject(value: PyValue | undefined): PlainObject | null {
  if (!(value instanceof PyDict)) return null;
  const object = plain(value);
  return object instanceof Map ? null : (object as PlainObject);
}
