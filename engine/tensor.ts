/** @file A tensor on the device: shape, element type, and the pool block that holds it. */
import type { Block } from "./memory.js";
import { Sheet } from "./sheet.js";

/** Element types of storage buffers. `u8` is packed four to a word. */
export type GpuType = "f32" | "u32" | "u8";

/** Handle of data that ops never change; row-major. Activations are [N, H, W, C] with C a multiple of 4. */
export class Tensor {
  private block: Block | undefined;
  private isPart = false;
  /** The tensor whose memory this one shows, itself unless it is a view: what a tape knows tensors by. */
  base: Tensor = this;
  /** Its data are computed anew at each run of the plan that it was made for. */
  ofPlan = false;
  /** Made when a form is: most tensors have none. */
  private ownForms: Map<string, Tensor> | undefined;
  readonly elements: number;

  constructor(
    public shape: readonly number[],
    readonly dtype: GpuType,
    block: Block,
    private readonly owner: { release(tensor: Tensor, block: Block): void },
    readonly label: string,
    /** The byte of the block at which the data begin: not 0 for rows of another tensor. */
    readonly begin = 0,
  ) {
    this.block = block;
    this.elements = shape.reduce((n, d) => n * d, 1);
  }

  /** Bytes of the data, a multiple of 4. */
  get bytes(): number {
    return this.dtype === "u8" ? Math.ceil(this.elements / 4) * 4 : this.elements * 4;
  }

  /** The block behind the tensor. @throws Error after free(): a use after free is a defect of the caller. */
  get storage(): Block {
    if (!this.block) throw new Error(`engine: tensor ${this.label} [${this.shape}] was used after it was freed`);
    return this.block;
  }

  get inSheet(): boolean {
    return this.storage.store instanceof Sheet;
  }

  /** The buffer that holds the data. @throws Error where a texture does: such data are only bound. */
  get buffer(): GPUBuffer {
    const { store } = this.storage;
    if (store instanceof Sheet) throw new Error(`engine: tensor ${this.label} is in a texture, which cannot be copied`);
    return store;
  }

  /** Other forms of the same data that `Device.derived` keeps; freed with it. */
  get forms(): Map<string, Tensor> {
    if (this.isPart) throw new Error(`engine: forms of ${this.label} — expected a whole tensor, got some of its rows`);
    this.base.ownForms ??= new Map();
    return this.base.ownForms;
  }

  get freed(): boolean {
    return this.block === undefined;
  }

  /** Gives the memory back. Safe while recorded work still reads it: the queue keeps its order. */
  free(): void {
    if (!this.block) return;
    const block = this.block;
    this.block = undefined;
    for (const form of this.ownForms?.values() ?? []) form.free();
    this.ownForms = undefined;
    this.owner.release(this, block);
  }

  /** Gives this tensor another shape of equal size; the data stay as they are. Returns itself. */
  reshape(shape: readonly number[]): this {
    const count = shape.reduce((n, d) => n * d, 1);
    if (count !== this.elements)
      throw new Error(`engine: reshape of ${this.label} — expected ${this.elements} elements, got [${shape}]`);
    this.shape = shape;
    return this;
  }

  /** The same memory under another shape of equal size; the view must not outlive this tensor and is not freed itself. */
  view(shape: readonly number[]): Tensor {
    const count = shape.reduce((n, d) => n * d, 1);
    if (count !== this.elements)
      throw new Error(`engine: view of ${this.label} — expected ${this.elements} elements, got [${shape}]`);
    const view = new Tensor(shape, this.dtype, this.storage, { release: () => {} }, this.label, this.begin);
    view.base = this.base;
    view.isPart = this.isPart;
    return view;
  }

  /**
   * `count` rows from `first` on, in the same memory, under the rules of a view. Inference only: a tape does not know what
   * they are part of. They must begin where a binding may: see `Device.canBindAt`.
   */
  rows(first: number, count: number): Tensor {
    const [all, ...rest] = this.shape;
    if (!(first >= 0 && count > 0 && first + count <= all))
      throw new Error(`engine: rows of ${this.label} — expected some of ${all}, got ${count} from ${first} on`);
    const begin = this.begin + (this.bytes / all) * first;
    const part = new Tensor([count, ...rest], this.dtype, this.storage, { release: () => {} }, this.label, begin);
    part.isPart = true;
    return part;
  }
}

/** A byte range of a tensor's buffer, for tensors beyond the binding limit. */
export interface Window {
  readonly tensor: Tensor;
  readonly offset: number;
  readonly bytes: number;
}
