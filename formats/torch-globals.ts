/** @file The names that torch checkpoints mention beyond those of plain pickles, and what each builds. */
import type { DType } from "../base/tensor.js";
import { type AllowedGlobal, type AllowList, plainGlobals, wrongArguments } from "./pickle-globals.js";
import { BuildError, PyGlobal, PyTuple, type PyValue } from "./python.js";
import { TorchDevice, TorchDType, TorchTensor } from "./torch-values.js";

/** Storage class → element type. UntypedStorage counts bytes and takes its type from the tensor. */
export const storageTypes: ReadonlyMap<string, DType | undefined> = new Map<string, DType | undefined>([
  ["torch.DoubleStorage", "F64"],
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
  ["torch.storage.UntypedStorage", undefined],
]);

const dtypes: Readonly<Record<string, DType | undefined>> = {
  float64: "F64",
  double: "F64",
  float32: "F32",
  float: "F32",
  float16: "F16",
  half: "F16",
  bfloat16: "BF16",
  int64: "I64",
  long: "I64",
  int32: "I32",
  int: "I32",
  int16: "I16",
  short: "I16",
  int8: "I8",
  uint8: "U8",
  uint16: "U16",
  uint32: "U32",
  uint64: "U64",
  bool: "BOOL",
  complex64: undefined,
  complex128: undefined,
};

function tensor(args: readonly PyValue[]): TorchTensor {
  const [storage, offset, size, stride, requiresGrad = false] = args;
  if (args.length < 4 || typeof requiresGrad !== "boolean") throw wrongArguments("torch._utils._rebuild_tensor", args);
  return TorchTensor.view(storage, offset, size, stride, { requiresGrad });
}

/** For element types without a storage class of their own: (…, hooks, dtype[, metadata]). */
function tensorOfType(args: readonly PyValue[]): TorchTensor {
  const [storage, offset, size, stride, requiresGrad, , dtype] = args;
  if (!(dtype instanceof TorchDType) || typeof requiresGrad !== "boolean")
    throw wrongArguments("torch._utils._rebuild_tensor_v3", args);
  if (!dtype.dtype) throw new BuildError("UnsupportedFeature", `tensors of ${dtype.name} are not supported`);
  return TorchTensor.view(storage, offset, size, stride, { requiresGrad, dtype: dtype.dtype });
}

function parameter(args: readonly PyValue[]): TorchTensor {
  const [data, requiresGrad] = args;
  if (!(data instanceof TorchTensor) || typeof requiresGrad !== "boolean")
    throw wrongArguments("torch._utils._rebuild_parameter", args);
  return data.asParameter(requiresGrad);
}

function size(args: readonly PyValue[]): PyTuple {
  const [items = new PyTuple([])] = args;
  const list = items instanceof PyTuple ? items.items : items;
  if (args.length > 1 || !Array.isArray(list)) throw wrongArguments("torch.Size", args);
  return new PyTuple(list, "torch.Size");
}

function device(args: readonly PyValue[]): TorchDevice {
  const [type, index] = args;
  if (typeof type !== "string" || args.length > 2) throw wrongArguments("torch.device", args);
  return new TorchDevice(typeof index === "number" ? `${type}:${index}` : type);
}

/** Everything a checkpoint may mention. */
export const torchGlobals: AllowList = new Map<string, AllowedGlobal>([
  ...plainGlobals,
  ...[...storageTypes.keys()].map((name): [string, AllowedGlobal] => [name, {}]),
  ...Object.entries(dtypes).map(([name, dtype]): [string, AllowedGlobal] => [
    `torch.${name}`,
    { value: new TorchDType(`torch.${name}`, dtype) },
  ]),
  ["torch.Size", { call: size }],
  ["torch.device", { call: device }],
  ["torch._utils._rebuild_tensor", { call: tensor }],
  ["torch._utils._rebuild_tensor_v2", { call: tensor }],
  ["torch._utils._rebuild_tensor_v3", { call: tensorOfType }],
  ["torch._utils._rebuild_parameter", { call: parameter }],
  ["torch._utils._rebuild_parameter_with_state", { call: parameter }],
]);

/** The persistent id of a storage, taken apart. */
export interface StorageId {
  dtype: DType | undefined;
  key: string;
  count: number;
  /** Legacy files only: (key, offset, count) of a part of the storage, or None. */
  view: PyValue;
}

/** @throws BuildError when it is not ("storage", storage class, key, device, count[, view]) */
export function storageId(id: PyValue): StorageId {
  const parts = id instanceof PyTuple ? id.items : [];
  const [tag, type, key, , count, view = null] = parts;
  const known = type instanceof PyGlobal && storageTypes.has(type.name);
  if (tag !== "storage" || !known || typeof key !== "string" || typeof count !== "number" || !(count >= 0))
    throw new BuildError("MalformedPickle", "a persistent id that is no storage");
  return { dtype: storageTypes.get(type.name), key, count, view };
}
