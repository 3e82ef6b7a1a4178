/** @file `fire-gpu inspect FILE`: what a checkpoint, codebook, index, ground truth, result, list or configuration contains. */
import { isIndexHeader } from "../asmk/index-header.js";
import { openIndex } from "../asmk/open-index.js";
import { FileFormatError } from "../base/errors.js";
import { sha256File } from "../base/hash.js";
import { elementCount } from "../base/tensor.js";
import { Field } from "../data/datasets/values.js";
import { bytesPerElement } from "../formats/dtypes.js";
import { type Plain, PyDict, type PyValue, plain } from "../formats/python.js";
import { Safetensors } from "../formats/safetensors.js";
import { fileSource } from "../formats/source.js";
import { type CheckpointInfo, type CheckpointKind, peekCheckpoint } from "../nets/weights/checkpoint.js";
import { type DataInspection, type DataKind, groundTruthFacts, inspectData, seemsToBe } from "./inspect-data.js";
import { type ArrayEntry, arraysOf, type JsonValue, type OutlineEntry, outline, toJson } from "./outline.js";

/** A tensor of the file with its size. */
export interface InspectedTensor extends ArrayEntry {
  elements: number;
  bytes: number;
}

/** What `inspectFile` finds; plain data, ready for JSON. Fields that the file lacks are null. */
export interface Inspection {
  file: string;
  bytes: number;
  sha256: string;
  format: "torch-zip" | "torch-legacy" | "pickle" | "safetensors" | "fire-gpu index" | DataInspection["format"];
  kind:
    | CheckpointKind
    | "codebook"
    | "inverted file"
    | "training set"
    | "validation set"
    | "rankings"
    | "aggregated photos"
    | "training state"
    | DataKind;
  version: string | null;
  /** True for an old HOW file, shown in its converted form. */
  converted: boolean;
  /** Key or prefix under which the weights stand ("key model", 'prefix "module."'); tensors are named without. */
  wrapping: string | null;
  epoch: number | null;
  bestScore: number | null;
  netParams: JsonValue;
  meta: JsonValue;
  scores: JsonValue;
  /** Learnable values of the state dict: no running statistics, no counters. */
  parameters: number;
  hasOptimizer: boolean;
  /** The state dict's tensors; of other files, every array. */
  tensors: readonly InspectedTensor[];
  /** The upper levels of everything in the file. */
  outline: OutlineEntry[];
}

/**
 * Reads a file's structure, not its weights. Told apart by content.
 * @throws MissingDataError when there is no such file; FileFormatError when it is damaged, hostile or of no known form
 */
export async function inspectFile(file: string): Promise<Inspection> {
  const source = fileSource(file);
  const about = { file, bytes: source.size, sha256: await sha256File(file) };
  if (isIndexHeader(source.read(0, Math.min(8, source.size)))) return { ...about, ...(await inspectIndex(file)) };
  const head = source.read(0, Math.min(HEAD, source.size));
  const data = await inspectData(file, head);
  if (data) return { ...about, ...nothingElse, ...data };
  const info = peek(file, head);
  const state = [...info.tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));
  const kind = ownKind(file, info) ?? cacheKind(info.root) ?? info.kind;
  const tensors = (state.length ? state : [...arraysOf(info.root)]).map(sized);
  return {
    ...about,
    format: info.format,
    kind,
    version: info.version,
    converted: info.converted,
    wrapping: info.wrapping,
    epoch: info.epoch,
    bestScore: info.bestScore,
    netParams: toJson(info.netParams as Plain),
    meta:
      kind === "ground truth" ? groundTruthFacts(new Field(file, "", plain(info.root))) : toJson(info.meta as Plain),
    scores: toJson(info.scores),
    parameters: state.length ? tensors.filter(isParameter).reduce((n, t) => n + t.elements, 0) : 0,
    hasOptimizer: info.root instanceof PyDict && info.root.has("optimizer"),
    tensors,
    outline: [...outline(info.root)],
  };
}

function sized(entry: ArrayEntry): InspectedTensor {
  const elements = elementCount(entry.shape);
  return { ...entry, elements, bytes: elements * bytesPerElement[entry.dtype] };
}

function isParameter({ name, dtype }: ArrayEntry): boolean {
  const floating = dtype === "F32" || dtype === "F16" || dtype === "BF16" || dtype === "F64";
  return floating && !/\.running_(mean|var)$/.test(name);
}

/** Pickles that are no checkpoints but that the tasks use, by their keys. */
function cacheKind(root: PyValue): Inspection["kind"] | undefined {
  if (!(root instanceof PyDict)) return undefined;
  const has = (...keys: string[]) => keys.every((key) => root.has(key));
  if (root.get("type") === "Codebook") return "codebook";
  if (root.get("type") === "IVF") return "inverted file";
  if (has("imlist", "qimlist", "gnd")) return "ground truth";
  if (has("ranks", "scores")) return "rankings";
  if (has("des", "word_ids", "image_ids")) return "aggregated photos";
  if (has("about", "state_dict", "moments")) return "training state";
  if (has("cids", "qidx")) return "validation set";
  return has("train", "val") ? "training set" : undefined;
}

/** Our own codebooks and features are safetensors that say so. */
function ownKind(file: string, { format }: Pick<CheckpointInfo, "format">): Inspection["kind"] | undefined {
  if (format !== "safetensors") return undefined;
  const { metadata } = Safetensors.open(file);
  if (/^fire-gpu codebook /.test(metadata.format ?? "")) return "codebook";
  return metadata.names !== undefined && /^(local|global)$/.test(metadata.kind ?? "")
    ? "features of photos"
    : undefined;
}

/** As peekCheckpoint; a file that is none of these is named by what it seems to be. */
function peek(file: string, head: Uint8Array): CheckpointInfo {
  try {
    return peekCheckpoint(file);
  } catch (error) {
    if (!(error instanceof FileFormatError && error.kind === "NotACheckpoint")) throw error;
    const known = "a checkpoint, codebook, index, ground truth, results, list, table or configuration";
    throw new FileFormatError(error.kind, file, `expected ${known}, got ${seemsToBe(head)}`, { cause: error });
  }
}

/** Enough to tell text from other files. */
const HEAD = 4096;

/** What only checkpoints have. */
const nothingElse = {
  version: null,
  converted: false,
  wrapping: null,
  epoch: null,
  bestScore: null,
  netParams: null,
  scores: null,
  parameters: 0,
  hasOptimizer: false,
  tensors: [],
} as const;

async function inspectIndex(file: string): Promise<Omit<Inspection, "file" | "bytes" | "sha256">> {
  const { index, notes } = await openIndex(file, { maxResidentBytes: 0 });
  const meta: JsonValue = {
    words: index.words,
    dim: index.dim,
    binary: index.binary,
    use_idf: index.useIdf,
    images: index.imageCount,
    codebook: notes.codebook,
    model: notes.model,
    properties: { ...notes.properties },
  };
  return {
    format: "fire-gpu index",
    kind: "inverted file",
    ...nothingElse,
    meta,
    outline: [],
  };
}
