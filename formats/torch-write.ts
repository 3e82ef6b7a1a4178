/**
 * @file Writing what torch.load reads: a zip of `<root>/data.pkl` (protocol 2), one record a storage, and `<root>/version`.
 *
 * ```ts
 * writeTorch("model.pth", { epoch: 5, state_dict: PyDict.of(tensors, "OrderedDict"), optimizer, _version: "fire/2021" });
 * ```
 * Plain HostTensors become torch tensors, NdArrays stay numpy arrays. Tensors that share a storage keep sharing it.
 */
import { writeFileAtomic } from "../base/atomic.js";
import type { DType, HostTensor } from "../base/tensor.js";
import { bytesOf, bytesPerElement } from "./dtypes.js";
import { type PyInput, PyPersistent, PyReduce, pickleChunks } from "./pickle-write.js";
import { NdArray, PyDict, PyGlobal, PyOpaque, PyTuple } from "./python.js";
import { storageTypes } from "./torch-globals.js";
import { contiguousStride, TorchDevice, TorchDType, TorchStorage, TorchTensor } from "./torch-values.js";
import { type ZipRecord, zipChunks } from "./zip-write.js";

/** Writes a torch file, whole or not at all. @throws FireGpuError CannotWrite; RangeError above 4 GiB */
export function writeTorch(file: string, root: PyInput, folder = "archive"): void {
  writeFileAtomic(file, torchChunks(root, folder));
}

/** The bytes of a torch file, piece by piece; data of stored tensors are read only when their turn comes. */
export function torchChunks(root: PyInput, folder = "archive"): Generator<Uint8Array> {
  const storages = new Map<object, { key: string; data: () => Uint8Array }>();
  const substitute = (value: object): PyInput | undefined => {
    if (value instanceof TorchTensor) return storedTensor(value);
    if (value instanceof TorchStorage) return storedStorage(value);
    if (value instanceof TorchDevice) return new PyReduce("torch.device", [value.name]);
    if (value instanceof TorchDType) return new PyGlobal(value.name);
    if (value instanceof PyTuple && value.type === "torch.Size")
      return new PyReduce("torch.Size", [new PyTuple(value.items)]);
    return isPlainTensor(value) ? plainTensor(value) : undefined;
  };
  const persistent = (identity: object, type: string, count: number, data: () => Uint8Array) => {
    const known = storages.get(identity) ?? { key: String(storages.size), data };
    storages.set(identity, known);
    return new PyPersistent(new PyTuple(["storage", new PyGlobal(type), known.key, "cpu", count]));
  };
  const storedStorage = (s: TorchStorage) => {
    const size = s.count * (s.dtype ? bytesPerElement[s.dtype] : 1);
    return persistent(s, s.dtype ? storageClass(s.dtype) : untyped, s.count, () => s.read(0, size));
  };
  const storedTensor = (t: TorchTensor): PyReduce => {
    const { storage } = t;
    const tensor = rebuild(
      t.dtype,
      storedStorage(storage),
      t.storageOffset,
      t.shape,
      t.stride,
      !t.isParameter && t.requiresGrad,
    );
    if (!t.isParameter) return tensor;
    return new PyReduce("torch._utils._rebuild_parameter", [tensor, t.requiresGrad, new PyDict("OrderedDict")]);
  };
  const plainTensor = (t: HostTensor): PyReduce => {
    const type = storageClass(t.dtype);
    const count = type === untyped ? t.data.byteLength : t.data.length;
    const storage = persistent(t, type, count, () => bytesOf(t.data));
    return rebuild(t.dtype, storage, 0, t.shape, contiguousStride(t.shape), false);
  };
  const pickle = pickleChunks(root, 2, substitute);
  return zipChunks(records(folder, pickle, storages.values()));
}

function* records(
  folder: string,
  pickle: Uint8Array[],
  storages: Iterable<{ key: string; data: () => Uint8Array }>,
): Generator<ZipRecord> {
  yield { name: `${folder}/data.pkl`, chunks: pickle };
  for (const { key, data } of storages) yield { name: `${folder}/data/${key}`, chunks: [data()] };
  yield { name: `${folder}/version`, chunks: [Buffer.from("3\n")] };
}

function rebuild(
  dtype: DType,
  storage: PyPersistent,
  offset: number,
  shape: readonly number[],
  stride: readonly number[],
  requiresGrad: boolean,
): PyReduce {
  const args: PyInput[] = [
    storage,
    offset,
    new PyTuple(shape),
    new PyTuple(stride),
    requiresGrad,
    new PyDict("OrderedDict"),
  ];
  // element types without a storage class of their own name themselves
  if (storageClass(dtype) === untyped)
    return new PyReduce("torch._utils._rebuild_tensor_v3", [...args, new PyGlobal(typeNames[dtype] as string)]);
  return new PyReduce("torch._utils._rebuild_tensor_v2", args);
}

const typeNames: Partial<Record<DType, string>> = { U16: "torch.uint16", U32: "torch.uint32", U64: "torch.uint64" };

/** Counts bytes; for the element types that came after torch stopped making storage classes. */
const untyped = "torch.storage.UntypedStorage";

function storageClass(dtype: DType): string {
  for (const [name, type] of storageTypes) if (type === dtype) return name;
  return untyped;
}

function isPlainTensor(value: object): value is HostTensor {
  if (value instanceof NdArray || value instanceof PyOpaque) return false;
  return "dtype" in value && "shape" in value && "data" in value && ArrayBuffer.isView(value.data);
}
