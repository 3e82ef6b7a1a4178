/** @file Buffers through which results come back, kept for the next time, and what is in them as typed arrays. */
import { DeviceError } from "../base/errors.js";
import { settled } from "./dawn.js";
import { mib } from "./memory.js";
import type { Tensor } from "./tensor.js";

/** What a tensor reads back to: float32, u32 or bytes by its element type. */
export type HostData = Float32Array | Uint32Array | Uint8Array;

/** Buffers that wait for the next read-back at most. */
const KEPT = 8;

export class ReadBack {
  private readonly waiting: GPUBuffer[] = [];
  private closed = false;

  constructor(private readonly gpu: GPUDevice) {}

  /** A buffer of so many bytes at least, to be copied to. */
  take(bytes: number): GPUBuffer {
    const i = this.waiting.findIndex((b) => b.size >= bytes && b.size <= 4 * bytes + 65536);
    if (i >= 0) return this.waiting.splice(i, 1)[0];
    return this.gpu.createBuffer({
      label: "read-back",
      size: Math.max(256, Math.ceil(bytes / 4) * 4),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  /** The data of tensors that lie in the buffer one behind the other; waits for the device. @throws DeviceError (READ_BACK) */
  async data(buffer: GPUBuffer, tensors: readonly Tensor[]): Promise<HostData[]> {
    const total = tensors.reduce((n, t) => n + t.bytes, 0);
    if (total > 0) {
      try {
        await settled(buffer.mapAsync(GPUMapMode.READ, 0, total));
      } catch (cause) {
        throw new DeviceError("READ_BACK", `engine: reading ${mib(total)} back failed — ${(cause as Error).message}`, {
          cause,
        });
      }
    }
    const bytes = total > 0 ? buffer.getMappedRange(0, total).slice(0) : new ArrayBuffer(0);
    if (total > 0) buffer.unmap();
    if (this.waiting.length < KEPT && !this.closed) this.waiting.push(buffer);
    else buffer.destroy();
    let at = 0;
    return tensors.map((t) => {
      const begin = at;
      at += t.bytes;
      if (t.dtype === "u8") return new Uint8Array(bytes, begin, t.elements);
      return t.dtype === "f32" ? new Float32Array(bytes, begin, t.elements) : new Uint32Array(bytes, begin, t.elements);
    });
  }

  close(): void {
    this.closed = true;
    for (const b of this.waiting.splice(0)) b.destroy();
  }
}
