/**
 * @file torch objects inside checkpoints: storages (runs of elements in the file), tensors (strided views of them), devices
 * and element types. A tensor's data are read when asked for, never before.
 */
import type { DType, HostTensor, TensorData } from "../base/tensor.js";
import type { Budget } from "./budget.js";
import { bytesPerElement, checkedCount, elementsOf } from "./dtypes.js";
import { BuildError, PyOpaque, PyTuple, type PyValue } from "./python.js";
import { gather, maxAxes } from "./strided.js";

/** A run of `count` elements; several tensors may share one. */
export class TorchStorage extends PyOpaque {
  readonly pyType = "torch storage";
  constructor(
    /** For messages. */
    readonly file: string,
    /** undefined for an UntypedStorage, which counts bytes. */
    readonly dtype: DType | undefined,
    readonly count: number,
    /** Reads `length` bytes from byte `begin`; bounds are the caller's business. */
    readonly read: (begin: number, length: number) => Uint8Array,
    /** What the file's tensors may take together: any number of views may share or repeat the same few bytes. */
    readonly budget?: Budget,
  ) {
    super();
  }
}

/** A strided view of a storage, bounds checked. */
export class TorchTensor extends PyOpaque implements Pick<HostTensor, "dtype" | "shape"> {
  readonly pyType = "torch.Tensor";
  private charged = false;
  private constructor(
    readonly dtype: DType,
    readonly shape: readonly number[],
    /** In elements, a side each. */
    readonly stride: readonly number[],
    readonly storageOffset: number,
    readonly storage: TorchStorage,
    readonly requiresGrad: boolean,
    /** torch.nn.Parameter rather than torch.Tensor. */
    readonly isParameter: boolean,
  ) {
    super();
  }

  /** @throws BuildError StorageOutOfBounds when the view reaches beyond its storage */
  static view(
    storage: PyValue,
    offset: PyValue,
    size: PyValue,
    stride: PyValue,
    options: { requiresGrad?: boolean; dtype?: DType } = {},
  ): TorchTensor {
    const dtype = storage instanceof TorchStorage ? (options.dtype ?? storage.dtype) : undefined;
    if (!(storage instanceof TorchStorage) || !dtype || !(size instanceof PyTuple) || !(stride instanceof PyTuple))
      throw new BuildError("MalformedPickle", "a tensor without storage, size or stride");
    const shape = size.items as readonly number[];
    const steps = stride.items as readonly number[];
    const count = shape.length > maxAxes ? undefined : checkedCount(shape);
    const good = (n: PyValue) => typeof n === "number" && Number.isSafeInteger(n) && n >= 0;
    if (count === undefined || steps.length !== shape.length || !steps.every(good) || !good(offset))
      throw new BuildError("MalformedPickle", "size, stride or offset of a tensor are not whole numbers");
    const first = offset as number;
    const span = count === 0 ? 0 : 1 + shape.reduce((n, d, i) => n + (d - 1) * steps[i], 0);
    const held = storage.dtype ? storage.count : Math.floor(storage.count / bytesPerElement[dtype]);
    if (!(first + span <= held)) {
      const detail = `tensor [${shape}] with stride [${steps}] at ${first} needs ${first + span} elements, its storage has ${held}`;
      throw new BuildError("StorageOutOfBounds", detail);
    }
    return new TorchTensor(dtype, shape, steps, first, storage, options.requiresGrad ?? false, false);
  }

  /** The same view as a torch.nn.Parameter. */
  asParameter(requiresGrad: boolean): TorchTensor {
    return new TorchTensor(this.dtype, this.shape, this.stride, this.storageOffset, this.storage, requiresGrad, true);
  }

  /** The same view, with gradients asked for. */
  requiringGrad(): TorchTensor {
    return new TorchTensor(this.dtype, this.shape, this.stride, this.storageOffset, this.storage, true, false);
  }

  /** A contiguous tensor whose bytes come from `read` when they are asked for. */
  static contiguous(
    file: string,
    dtype: DType,
    shape: readonly number[],
    read: (begin: number, length: number) => Uint8Array,
  ): TorchTensor {
    const count = checkedCount(shape) ?? Number.NaN;
    const storage = new TorchStorage(file, dtype, count, read);
    return TorchTensor.view(storage, 0, new PyTuple(shape), new PyTuple(contiguousStride(shape)));
  }

  /** Contiguous data in C order. @throws FileFormatError UnsupportedFeature for views far beyond what the file holds */
  toHost(): HostTensor {
    const { dtype, shape, stride, storage } = this;
    const count = shape.reduce((n, d) => n * d, 1);
    const size = bytesPerElement[dtype];
    if (count === 0) return { dtype, shape, data: elementsOf(dtype, new ArrayBuffer(0)) };
    const whole = isContiguous(shape, stride);
    const span = 1 + shape.reduce((n, d, i) => n + (d - 1) * stride[i], 0);
    if (!this.charged) storage.budget?.take((whole ? span : span + count) * size, `the views up to [${shape}]`);
    this.charged = true;
    const stored = storage.read(this.storageOffset * size, span * size);
    const elements = elementsOf(dtype, stored.buffer as ArrayBuffer);
    if (whole) return { dtype, shape, data: elements };
    const data = elementsOf(dtype, new ArrayBuffer(count * size));
    gather<TensorData>(elements, data, shape, stride);
    return { dtype, shape, data };
  }
}

/** "cpu", "cuda:0": kept as text, never acted on. */
export class TorchDevice extends PyOpaque {
  readonly pyType = "torch.device";
  constructor(readonly name: string) {
    super();
  }
}

/** "torch.float16": an element type as a value. */
export class TorchDType extends PyOpaque {
  readonly pyType = "torch.dtype";
  constructor(
    readonly name: string,
    readonly dtype: DType | undefined,
  ) {
    super();
  }
}

/** Strides of a C-order tensor, as torch counts them: a side of 0 counts as 1. */
export function contiguousStride(shape: readonly number[]): number[] {
  const out = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) out[axis] = out[axis + 1] * Math.max(1, shape[axis + 1]);
  return out;
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  const wanted = contiguousStride(shape);
  return shape.every((side, axis) => side === 1 || stride[axis] === wanted[axis]);
}
