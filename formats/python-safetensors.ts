/**
 * @file A whole checkpoint in a safetensors file and back: the tensors as tensors, everything else (epoch, scores, optimizer
 * state, ints and floats told apart) as JSON in the metadata. Weights keep their state-dict names, so other programs can
 * use the file too; tensors elsewhere are named by their path, for example `optimizer/state/0/exp_avg`.
 * What is not kept: that tensors share a storage, and their strides.
 */
import { writeFileAtomic } from "../base/atomic.js";
import { FileFormatError } from "../base/errors.js";
import { parseJson } from "./json.js";
import { BuildError, type NdArray, PyDict, type PyValue } from "./python.js";
import { pythonFromJson, pythonToJson } from "./python-json.js";
import { type PendingTensor, Safetensors, safetensorsChunks } from "./safetensors.js";
import { TorchTensor } from "./torch-values.js";

/** Metadata key of the JSON description. */
const rootKey = "fire_gpu.root";
/** What other programs look for: the names are those of a PyTorch module. */
const formatKey = "format";

/** Writes a Python value with all tensors in it. `metadata` adds texts for the human reader. @throws FireGpuError */
export function writePythonSafetensors(file: string, root: PyValue, metadata: Record<string, string> = {}): void {
  const tensors = new Map<string, PendingTensor>();
  const names = new Map<object, string>();
  const store = (tensor: TorchTensor | NdArray, path: readonly string[]): string => {
    const known = names.get(tensor);
    if (known !== undefined) return known;
    const wanted = nameOf(path);
    let name = wanted;
    for (let n = 1; tensors.has(name) || name === "__metadata__" || name === ""; n++) name = `${wanted}#${n}`;
    names.set(tensor, name);
    const load = () => (tensor instanceof TorchTensor ? tensor.toHost() : tensor);
    tensors.set(name, { dtype: tensor.dtype, shape: tensor.shape, load });
    return name;
  };
  const json = pythonToJson(root, store);
  const all = { [formatKey]: "pt", ...metadata, [rootKey]: JSON.stringify(json) };
  writeFileAtomic(file, safetensorsChunks(tensors, all));
}

/**
 * The value that writePythonSafetensors stored; of any other safetensors file, an OrderedDict of its tensors.
 * Tensors read their data from the file when asked. @throws FileFormatError
 */
export function readPythonSafetensors(file: string): PyValue {
  const stored = Safetensors.open(file);
  const tensor = (name: string) => {
    const { dtype, shape } = stored.describe(name);
    return TorchTensor.contiguous(file, dtype, shape, (begin, length) => stored.readBytes(name, begin, length));
  };
  const text = stored.metadata[rootKey];
  if (text === undefined)
    return PyDict.of(
      stored.names.map((name) => [name, tensor(name)]),
      "OrderedDict",
    );
  const json = parseJson(text, file, `metadata ${rootKey}`);
  try {
    return pythonFromJson(json, { tensor, array: (name) => stored.read(name) });
  } catch (e) {
    if (e instanceof BuildError) throw new FileFormatError(e.kind, file, e.message, { cause: e });
    throw e;
  }
}

/** `state_dict/features.0.weight` → `features.0.weight`; other paths stay. */
function nameOf(path: readonly string[]): string {
  const names = path[0] === "state_dict" && path.length > 1 ? path.slice(1) : path;
  return names.join("/");
}
