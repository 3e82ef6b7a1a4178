/**
 * @file GPU memory by hand. Garbage collection frees GPU buffers far too late, so buffers come from a pool of size
 * classes and go back when their tensor is freed. Live bytes and the peak are counted; a test proves they return to zero.
 * Textures for data that a software driver reads faster from there (engine/sheet.ts) come from the same pool.
 */
import { DeviceError } from "../base/errors.js";
import { Sheet, sheetClass } from "./sheet.js";

/** One GPU buffer or texture of the pool. `bytes` is its capacity, a size class. */
export interface Block {
  readonly id: number;
  readonly bytes: number;
  readonly store: GPUBuffer | Sheet;
}

export type BlockKind = "buffer" | "sheet";

/** Four classes an octave: at most a quarter is wasted, and sizes that nearly match share blocks. */
export function sizeClass(bytes: number): number {
  const least = Math.max(256, bytes);
  const step = 2 ** Math.max(6, Math.floor(Math.log2(least)) - 2);
  return Math.ceil(least / step) * step;
}

/** What others do as blocks come and go. */
export interface PoolHooks {
  /** Before a block of so many bytes is made. @throws DeviceError when it must not be */
  beforeCreate?(bytes: number, label: string): void;
  afterTake?(): void;
  /** Before free blocks are destroyed: recorded work that uses them is sent, bind groups that hold them are dropped. */
  beforeDestroy?(): void;
}

export class MemoryPool {
  /**
   * Waiting blocks by size, the oldest last. It is the one that goes out next, whatever the order in which they came back:
   * work that repeats gets the same blocks again, and finds the bind groups of its last time.
   */
  private readonly free = new Map<string, Block[]>();
  private nextId = 1;
  /** Bytes in blocks that are in use. */
  liveBytes = 0;
  liveBlocks = 0;
  /** Bytes in all blocks of the pool, used or waiting. */
  heldBytes = 0;
  peakBytes = 0;

  constructor(
    private readonly device: GPUDevice,
    private readonly maxBuffer: number,
    private readonly hooks: PoolHooks = {},
  ) {}

  /** A block of at least `bytes`. @throws DeviceError (OUT_OF_MEMORY) beyond the largest buffer of the device. */
  take(bytes: number, label: string, kind: BlockKind = "buffer"): Block {
    const size = kind === "buffer" ? sizeClass(bytes) : sheetClass(bytes);
    if (size > this.maxBuffer)
      throw new DeviceError(
        "OUT_OF_MEMORY",
        `engine: ${label} needs ${mib(bytes)}, the device's largest buffer is ${mib(this.maxBuffer)} — use smaller images or scales`,
      );
    const list = this.free.get(`${kind} ${size}`);
    const reused = list?.pop();
    if (!reused) this.hooks.beforeCreate?.(size, label);
    const block = reused ?? this.create(size, kind);
    this.liveBytes += size;
    this.liveBlocks++;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    this.hooks.afterTake?.();
    return block;
  }

  /** Gives a block back; the next tensor of its class may have it. Work already recorded still sees it in order. */
  give(block: Block): void {
    this.liveBytes -= block.bytes;
    this.liveBlocks--;
    const key = `${block.store instanceof Sheet ? "sheet" : "buffer"} ${block.bytes}`;
    const list = this.free.get(key);
    if (list) insert(list, block);
    else this.free.set(key, [block]);
  }

  /** Destroys all free blocks. Work that was recorded with them must be sent before: they are out of its reach then. */
  trim(): void {
    if (this.free.size === 0) return;
    this.hooks.beforeDestroy?.();
    for (const list of this.free.values()) {
      for (const block of list) {
        this.heldBytes -= block.bytes;
        block.store.destroy();
      }
    }
    this.free.clear();
  }

  protected create(bytes: number, kind: BlockKind): Block {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.heldBytes += bytes;
    const { device } = this;
    const store = kind === "buffer" ? device.createBuffer({ size: bytes, usage }) : new Sheet(device, bytes);
    return { id: this.nextId++, bytes, store };
  }
}

/** Into a list of descending ids. */
function insert(list: Block[], block: Block): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].id > block.id) low = middle + 1;
    else high = middle;
  }
  list.splice(low, 0, block);
}

/** Bytes as text in MiB, for messages. */
export function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
