/**
 * @file `fire-gpu convert FROM TO`: the same content in another format. What FROM is, its content tells; the format of TO,
 * its ending.
 *
 * | content                       | .pth, .pt          | .safetensors                  | .pkl                   | other    |
 * |-------------------------------|--------------------|-------------------------------|------------------------|----------|
 * | checkpoint, features, weights | torch zip          | tensors + description         | numpy arrays           | –        |
 * | codebook                      | –                  | fire-gpu's form               | the reference's cache  | –        |
 * | inverted file                 | –                  | –                             | the reference's cache  | fire-gpu |
 *
 * Checkpoints keep everything both ways: epoch, scores, optimizer state, ints and floats apart. Only `.safetensors` forgets
 * that tensors share a storage, and `.pkl` that arrays were tensors.
 */
import { statSync } from "node:fs";
import { basename, extname } from "node:path";
import { readCodebook, writeCodebook } from "../asmk/codebook-file.js";
import { openIndex, storeIndex } from "../asmk/open-index.js";
import { writeFileAtomic } from "../base/atomic.js";
import { UsageError } from "../base/errors.js";
import { pickleChunks } from "../formats/pickle-write.js";
import { BuildError, NdArray, PyDict, type PyValue } from "../formats/python.js";
import { writePythonSafetensors } from "../formats/python-safetensors.js";
import { TorchTensor } from "../formats/torch-values.js";
import { writeTorch } from "../formats/torch-write.js";
import { leaveOutUnknown } from "../formats/unknown-globals.js";
import { checkWeights, peekCheckpoint, readAny } from "../nets/weights/checkpoint.js";
import { halved } from "../nets/weights/halve.js";
import { type Inspection, inspectFile } from "./inspect.js";
import { claimOutput } from "./outputs.js";

export interface ConvertOptions {
  /** Replace an existing file. */
  overwrite?: boolean;
  /** Leave out optimizer and scheduler state: what inference needs, about a third of the size. */
  weightsOnly?: boolean;
  /** Write an old HOW checkpoint in its new form (`how/2020`) instead of as it is. */
  upgrade?: boolean;
  /** Keep the weights of convolutions and matrices as 16-bit floats. */
  half?: boolean;
  /** What the file shall say of its training (`meta.training`). With `half` only. */
  about?: string;
  /** Inverted files from the reference do not tell the dimension of their descriptors. */
  dim?: number;
}

/** What was done. */
export interface Conversion {
  from: string;
  to: string;
  /** Kind of content, as `inspectFile` names it. */
  kind: Inspection["kind"];
  format: "torch-zip" | "safetensors" | "pickle" | "fire-gpu codebook" | "fire-gpu index";
  bytes: number;
  /** Values of Python classes that only the program that saved them can build, and that TO has no form for. */
  leftOut: readonly string[];
}

/**
 * Converts one file; TO is written whole or not at all.
 * @throws UsageError for an ending that the content has no form for, or a TO that exists; FileFormatError for a bad FROM
 */
export async function convertFile(from: string, to: string, options: ConvertOptions = {}): Promise<Conversion> {
  claimOutput({ option: "convert: TO", file: to, force: options.overwrite, inputs: [from] });
  const { kind, format } = await inspectFile(from);
  const leftOut: string[] = [];
  const written =
    kind === "codebook"
      ? convertCodebook(from, to)
      : kind === "inverted file"
        ? await convertIndex(from, to, options)
        : convertValue(contentOf(from, format, options), to, leftOut);
  return { from, to, kind, format: written, bytes: statSync(to).size, leftOut };
}

function convertCodebook(from: string, to: string): Conversion["format"] {
  const ending = expectEnding(to, "a codebook", [".safetensors", ".pkl"]);
  const { metadata, ...codebook } = readCodebook(from);
  writeCodebook(to, codebook, metadata);
  return ending === ".pkl" ? "pickle" : "fire-gpu codebook";
}

async function convertIndex(from: string, to: string, { dim }: ConvertOptions): Promise<Conversion["format"]> {
  if ([".pth", ".pt", ".safetensors"].includes(extname(to)))
    throw new UsageError(
      "Ending",
      `convert: an inverted file has no ${extname(to)} form; expected .pkl or an own ending`,
    );
  const { index, notes } = await openIndex(from, { dim });
  await storeIndex(to, index, notes);
  return to.endsWith(".pkl") ? "pickle" : "fire-gpu index";
}

/** `optimizer`, `scheduler`, and other trainers' names for them. */
const trainingState = /^(optimi[sz]ers?|(lr_)?schedulers?)(_states?|_state_dict)?$/i;

/** The value to write: converted and trimmed as asked. */
function contentOf(from: string, format: Inspection["format"], options: ConvertOptions): PyValue {
  const { upgrade, weightsOnly, half, about } = options;
  // weights that are no numbers do not travel on
  checkWeights(peekCheckpoint(from));
  const whole = upgrade && format !== "fire-gpu index" ? peekCheckpoint(from).root : readAny(from).root;
  if (about !== undefined && !half) throw new UsageError("AboutAlone", "convert: --about goes with --half");
  if (half && !(whole instanceof PyDict && whole.has("state_dict")))
    throw new UsageError("NotACheckpoint", `convert: --half — expected a checkpoint with a state_dict, got ${from}`);
  const root = half ? halved(whole as PyDict, about) : whole;
  if (!weightsOnly || !(root instanceof PyDict)) return root;
  const kept = [...root].filter(([key]) => !(typeof key === "string" && trainingState.test(key)));
  const trimmed = PyDict.of(kept, root.type === "OrderedDict" ? "OrderedDict" : "dict");
  trimmed.attributes = root.attributes;
  return trimmed;
}

function convertValue(root: PyValue, to: string, leftOut: string[]): Conversion["format"] {
  const ending = expectEnding(to, "a checkpoint", [".pth", ".pt", ".safetensors", ".pkl"]);
  try {
    if (ending === ".safetensors") {
      writePythonSafetensors(to, root);
      return "safetensors";
    }
    leftOut.push(...leaveOutUnknown(root));
    if (ending === ".pkl") {
      const asArray = (value: object) => (value instanceof TorchTensor ? arrayOf(value) : undefined);
      writeFileAtomic(to, pickleChunks(root, 4, asArray));
      return "pickle";
    }
    writeTorch(to, root, basename(to, ending));
    return "torch-zip";
  } catch (e) {
    // the writers refuse what their format cannot hold
    if (e instanceof TypeError || e instanceof RangeError || e instanceof BuildError)
      throw new UsageError("NoSuchForm", `convert: ${to} cannot hold this file (${e.message})`, { cause: e });
    throw e;
  }
}

function arrayOf(tensor: TorchTensor): NdArray {
  const { dtype, shape, data } = tensor.toHost();
  return new NdArray(dtype, shape, data);
}

function expectEnding(to: string, what: string, endings: readonly string[]): string {
  const ending = extname(to);
  if (!endings.includes(ending))
    throw new UsageError("Ending", `convert: ${to} — expected an ending for ${what} (${endings.join(", ")})`);
  return ending;
}
