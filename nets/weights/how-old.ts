/**
 * @file HOW checkpoints from before versions were written: the network's parameters stand in `meta`, the whitening has
 * another name. Converted here once, so that nothing above sees the old form (spec: how.md §2).
 */
import { FileFormatError } from "../../base/errors.js";
import { PyDict, PyFloat, type PyValue } from "../../formats/python.js";

/** What every published model was evaluated with; old files do not say. */
const runtimeDefaults = { imageSize: 1024, featuresNum: 1000, scales: [2.0, 1.414, 1.0, 0.707, 0.5, 0.353, 0.25] };

/** True for a checkpoint without `_version` whose meta describes a HOW network. */
export function isOldHow(root: PyDict): boolean {
  const meta = root.get("meta");
  return !root.has("_version") && meta instanceof PyDict && meta.has("skip_layer") && meta.has("dim");
}

/**
 * The same checkpoint in the form of `how/2020`. `pretrained` is true as in the reference, where it only causes a needless
 * download. @throws FileFormatError MissingKey when meta lacks a parameter
 */
export function convertOldHow(root: PyDict, file: string): PyDict {
  const meta = root.get("meta") as PyDict;
  const state = root.get("state_dict");
  if (!(state instanceof PyDict)) throw new FileFormatError("NotACheckpoint", file, "no state_dict");
  const param = (name: string): PyValue => {
    const value = meta.get(name);
    if (value === undefined)
      throw new FileFormatError("MissingKey", file, `meta of an old HOW checkpoint lacks ${name}`);
    return value;
  };
  const floats = (values: readonly number[]) => values.map((x) => new PyFloat(x));
  const netParams = PyDict.of([
    ["architecture", param("architecture")],
    ["pretrained", true],
    ["skip_layer", param("skip_layer")],
    ["dim_reduction", PyDict.of([["dim", param("dim")]])],
    ["smoothing", PyDict.of([["kernel_size", param("feat_pool_k")]])],
    [
      "runtime",
      PyDict.of([
        ["mean_std", [param("mean"), param("std")]],
        ["image_size", runtimeDefaults.imageSize],
        ["features_num", runtimeDefaults.featuresNum],
        ["scales", floats(runtimeDefaults.scales)],
        ["training_scales", [1]],
      ]),
    ],
  ]);
  const converted = PyDict.of(root);
  converted.set("state_dict", renameWhitening(state));
  converted.set("net_params", netParams);
  converted.set("_version", "how/2020");
  return converted;
}

/** whiten.* → dim_reduction.*, at the end, where the new networks have it. */
function renameWhitening(state: PyDict): PyDict {
  const isWhitening = (name: PyValue) => name === "whiten.weight" || name === "whiten.bias";
  const items = [...state];
  const renamed = items
    .filter(([name]) => isWhitening(name))
    .map(([name, tensor]) => [(name as string).replace("whiten", "dim_reduction"), tensor] as const);
  const out = PyDict.of([...items.filter(([name]) => !isWhitening(name)), ...renamed], "OrderedDict");
  out.attributes = state.attributes;
  return out;
}
