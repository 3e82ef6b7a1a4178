/**
 * @file A limit of device memory (`--memory`). Memory that waits to be used again is given up first, once the work that was
 * recorded with it is sent; then what is only kept in case it is wanted again. What still does not fit is refused, by how
 * much it needs: the work is gone through again without a device for that, block by block.
 */
import { DeviceError } from "../base/errors.js";
import { type Block, type BlockKind, MemoryPool, mib } from "./memory.js";
import { Sheet } from "./sheet.js";
import type { Tensor } from "./tensor.js";

/** Work does not fit the limit. Caught where the work can be gone through again to tell how much it needs. */
export class OverLimit extends DeviceError {
  /** @param needed bytes, at least */
  constructor(limit: number, what: string, needed: number, atLeast = true) {
    const suggested = `${Math.ceil(needed / 2 ** 20)}M`;
    super(
      "MEMORY_LIMIT",
      `engine: a limit of ${mib(limit)} device memory is too small — ${what} needs ${atLeast ? "at least " : ""}${mib(needed)}, ` +
        `weights included; use --memory ${suggested} or more, smaller images or fewer scales`,
    );
  }
}

/** The limit of a device. */
export class MemoryLimit {
  private readonly residents = new Set<() => void>();
  private off = false;

  /**
   * @param bytes held at most; infinite without a limit
   * @param memory of the device: what it holds, and how it gives up what waits
   */
  constructor(
    readonly bytes: number,
    private readonly memory: { held(): number; trim(): void; releasePlans(): void },
  ) {}

  /** Before a block is made: gives up what is not in use where the limit is reached. @throws OverLimit */
  makeRoom(bytes: number, what: string): void {
    const { memory } = this;
    const short = () => memory.held() + bytes > this.bytes;
    if (short()) memory.trim();
    if (short() && this.residents.size) {
      for (const free of this.residents) free();
      memory.trim();
    }
    if (short()) memory.releasePlans();
    if (short() && !this.off) throw new OverLimit(this.bytes, what, memory.held() + bytes);
  }

  /** Registers what frees memory that is only kept in case it is wanted again; called near the limit. Returns the way out. */
  addResident(free: () => void): () => void {
    this.residents.add(free);
    return () => void this.residents.delete(free);
  }

  /** Runs `body` as if there were none: for weights, of which the first work tells whether they fit in. */
  without<T>(body: () => T): T {
    const { off } = this;
    this.off = true;
    try {
      return body();
    } finally {
      this.off = off;
    }
  }
}

/** Stands for memory that nobody touches. */
const NOWHERE = { destroy() {} } as GPUBuffer;
const NO_SHEET = Object.assign(Object.create(Sheet.prototype), { destroy() {} }) as Sheet;

class CountingPool extends MemoryPool {
  protected override create(bytes: number, kind: BlockKind): Block {
    this.heldBytes += bytes;
    return { id: 0, bytes, store: kind === "buffer" ? NOWHERE : NO_SHEET };
  }
}

/** What work would need, while it is gone through without a device. */
export class Count {
  readonly memory: MemoryPool;
  /** A plan's blocks stay its own: it is what is held of them that counts. */
  readonly scratch: MemoryPool;
  /** Tensors that are only counted. */
  readonly made = new WeakSet<Tensor>();
  /** Forms that would be made of tensors that there are, and kept. */
  private readonly forms = new Map<Tensor, Map<string, Tensor>>();
  /** Bytes at most. */
  most: number;

  /** @param live bytes in use before */
  constructor(gpu: GPUDevice, maxBuffer: number, live: number) {
    this.most = live;
    const look = () => {
      this.most = Math.max(this.most, live + this.memory.liveBytes + this.scratch.heldBytes);
    };
    this.memory = new CountingPool(gpu, maxBuffer, { afterTake: look });
    this.scratch = new CountingPool(gpu, maxBuffer, { afterTake: look });
  }

  formOf(source: Tensor, form: string): Tensor | undefined {
    return this.forms.get(source.base)?.get(form);
  }

  /** A form of a tensor that is only counted goes with it. */
  keepForm(source: Tensor, form: string, made: Tensor): void {
    if (this.made.has(source.base)) {
      source.forms.set(form, made);
      return;
    }
    const known = this.forms.get(source.base) ?? new Map<string, Tensor>();
    this.forms.set(source.base, known.set(form, made));
  }
}
