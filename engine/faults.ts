/**
 * @file What goes wrong on a device, by call. WebGPU tells errors late and of nobody in particular; error scopes that are
 * opened anew at every call that waits make them belong to the work that was recorded since the one before. The next call
 * works again. A lost or closed device stays so, and every later call says it.
 */
import { DeviceError, type FireGpuError, UsageError } from "../base/errors.js";
import { settled } from "./dawn.js";
import { mib } from "./memory.js";

/** Innermost last: out of memory is told before the validation errors that follow from it. */
const FILTERS = ["internal", "validation", "out-of-memory"] as const;
/** A read-back fails before the loss that made it fail is told. */
const LOSS_MS = 200;

export class Faults {
  /** Why nothing works any more. */
  private final: FireGpuError | undefined;
  /** What no scope has caught: told by the next call. */
  private stray: DeviceError | undefined;

  /** @param heldBytes of device memory at the moment, for messages */
  constructor(
    private readonly gpu: GPUDevice,
    private readonly name: string,
    private readonly heldBytes: () => number,
  ) {
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.stray ??= this.asError((event as GPUUncapturedErrorEvent).error);
    });
    gpu.lost.then((info) => {
      this.final ??= new DeviceError(
        "DEVICE_LOST",
        `engine: ${name} was lost (${info.message.trim() || info.reason}) — run the command again, or open the device again; finished work is kept`,
      );
    });
    this.open();
  }

  /** @throws DeviceError (DEVICE_LOST), UsageError (Closed) */
  requireUsable(): void {
    if (this.final) throw this.final;
  }

  /** The device is closed: later calls say so. */
  close(): void {
    this.final ??= new UsageError("Closed", "engine: the device was used after close(); open another one");
  }

  get closed(): boolean {
    return this.final?.code === "Closed";
  }

  /** The error of what was recorded since the last call of this, if there is one; what comes after belongs to the next. */
  collect(): Promise<DeviceError | undefined> {
    const found = FILTERS.map(() => this.gpu.popErrorScope().catch(() => null));
    this.open();
    const { stray } = this;
    this.stray = undefined;
    return Promise.all(found).then((errors) => {
      const error = errors.find((e) => e !== null);
      return error ? this.asError(error) : stray;
    });
  }

  /** Waits for the loss that made a call fail, if that was it. @throws DeviceError (DEVICE_LOST), UsageError (Closed) */
  async throwIfLost(): Promise<void> {
    if (!this.final) {
      const later = new Promise<void>((resolve) => void setTimeout(resolve, LOSS_MS));
      await settled(Promise.race([this.gpu.lost.then(() => {}), later]));
    }
    this.requireUsable();
  }

  private open(): void {
    for (const filter of FILTERS) this.gpu.pushErrorScope(filter);
  }

  private asError(error: GPUError): DeviceError {
    if (error.constructor.name !== "GPUOutOfMemoryError")
      return new DeviceError("VALIDATION", `engine: ${error.message.trim()}`);
    return new DeviceError(
      "OUT_OF_MEMORY",
      `engine: ${this.name} is out of memory with ${mib(this.heldBytes())} held — use smaller images, or --memory`,
    );
  }
}
