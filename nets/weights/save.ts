/** @file Writes a checkpoint that fire-gpu, and for `.pth` the original programs, can load. */
import { extname } from "node:path";
import { UsageError } from "../../base/errors.js";
import type { HostTensor } from "../../base/tensor.js";
import { bytesOf } from "../../formats/dtypes.js";
import { PyDict, PyFloat, type PyValue } from "../../formats/python.js";
import { writePythonSafetensors } from "../../formats/python-safetensors.js";
import { TorchTensor } from "../../formats/torch-values.js";
import { writeTorch } from "../../formats/torch-write.js";

/** Values without tensors, as JSON has them. Numbers with a fraction become Python floats, whole ones ints. */
export type Described = null | boolean | number | string | readonly Described[] | { readonly [key: string]: Described };

/** What a checkpoint holds besides its weights. */
export interface CheckpointContent {
  /** For example "how/2020". */
  readonly version: string;
  readonly netParams: Described;
  readonly stateDict: ReadonlyMap<string, HostTensor>;
  readonly meta?: { readonly [key: string]: Described };
}

/** Writes `.safetensors` or `.pth`, whole or not at all. @throws UsageError for another ending */
export function saveCheckpoint(file: string, { version, netParams, stateDict, meta }: CheckpointContent): void {
  const ending = checkpointEnding(file);
  const tensors = [...stateDict].map(([name, tensor]): [string, PyValue] => [name, asTorch(file, tensor)]);
  const root = PyDict.of([
    ["epoch", 0],
    ["meta", toPython(meta ?? {})],
    ["net_params", toPython(netParams)],
    ["state_dict", PyDict.of(tensors, "OrderedDict")],
    ["_version", version],
  ]);
  if (ending === ".pth") writeTorch(file, root);
  else writePythonSafetensors(file, root);
}

/** The form that a file's name asks for; to be asked before the work. @throws UsageError for another ending */
export function checkpointEnding(file: string): ".safetensors" | ".pth" {
  const ending = extname(file);
  if (ending !== ".safetensors" && ending !== ".pth")
    throw new UsageError("Ending", `${file}: expected a checkpoint's ending, .safetensors or .pth`);
  return ending;
}

function asTorch(file: string, { dtype, shape, data }: HostTensor): TorchTensor {
  const bytes = bytesOf(data);
  return TorchTensor.contiguous(file, dtype, shape, (begin, length) => bytes.subarray(begin, begin + length));
}

function toPython(value: Described): PyValue {
  if (typeof value === "number") return Number.isInteger(value) ? value : new PyFloat(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(toPython);
  const items = Object.entries(value).filter(([, v]) => v !== undefined);
  return PyDict.of(items.map(([k, v]): [string, PyValue] => [k, toPython(v as Described)]));
}
