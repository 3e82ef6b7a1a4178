/**
 * @file The device: memory, uploads, dispatches, read-backs, scopes and plans. Everything above works through this class
 * and sees capabilities, never Dawn.
 */
import { DeviceError } from "../base/errors.js";
import { type Capabilities, capabilitiesOf, chooseAdapter, MATRIX_FEATURE } from "./adapter.js";
import { settled } from "./dawn.js";
import { type Block, type BlockKind, MemoryPool, mib, sizeClass } from "./memory.js";
import { PipelineCache } from "./pipelines.js";
import { Plan, PlanCache } from "./plan.js";
import { type ProfileRow, Profiler } from "./profiler.js";
import { type Dispatch, Recorder } from "./recorder.js";
import { requireSound, roundsToNearest, type SelfCheckRow, selfCheck } from "./self-check.js";
import { type GpuType, Tensor } from "./tensor.js";
import { asChoices, type Choices, choicesByCapability } from "./tuning/choices.js";

/** Of both sides of convolutions and products; sums and all else are float32. */
export type Precision = "f32" | "f16";

export interface DeviceOptions {
  /** Index, part of a name, or `software` (the packed driver); default $FIRE_GPU_DEVICE, else the first device. */
  readonly select?: string;
  /** Bytes of GPU memory to hold at most; default: no limit of our own. Work that can be split is split to fit. */
  readonly memory?: number;
  /** Record time by kernel (slower: one pass a dispatch). */
  readonly profile?: boolean;
  /** Of convolutions and products; see `Device.precision`. Default "f32". */
  readonly precision?: Precision;
  /** Pretend that a binding may not exceed so many bytes, to test work in windows on any device. */
  readonly maxBinding?: number;
}

/** Opens a device. @throws DeviceError when there is none, even in software, or when it fails its self-check. */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const adapter = await chooseAdapter(options.select ?? process.env.FIRE_GPU_DEVICE);
  const caps = capabilitiesOf(adapter);
  const features: GPUFeatureName[] = [];
  for (const f of ["subgroups", "shader-f16", "timestamp-query"] as GPUFeatureName[])
    if (adapter.features.has(f)) features.push(f);
  if (caps.matrixUnits) features.push(MATRIX_FEATURE as GPUFeatureName);
  const limits = adapter.limits;
  let gpu: GPUDevice;
  try {
    gpu = await adapter.requestDevice({
      requiredFeatures: features,
      requiredLimits: {
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxBufferSize: limits.maxBufferSize,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        minStorageBufferOffsetAlignment: caps.offsetAlignment,
      },
    });
  } catch (cause) {
    throw new DeviceError("NO_DEVICE", `engine: ${caps.name} refused a device — ${(cause as Error).message}`, {
      cause,
    });
  }
  const checks = await selfCheck(gpu, caps);
  requireSound(checks, caps.name);
  const maxBinding = Math.min(caps.maxBinding, options.maxBinding ?? caps.maxBinding);
  // conv/matrix.wgsl converts to halves by the language's own conversion
  const matrixUnits = caps.matrixUnits && roundsToNearest(checks, "f16()");
  return new Device(gpu, { ...caps, maxBinding, matrixUnits }, options, checks);
}

export class Device {
  readonly memory: MemoryPool;
  readonly plans: PlanCache;
  /** Bytes of GPU memory to hold at most. */
  readonly budget: number;
  private readonly scratch: MemoryPool;
  private readonly pipelines: PipelineCache;
  private readonly recorder: Recorder;
  private readonly profiler: Profiler | undefined;
  private readonly scopes: Set<Tensor>[] = [];
  private readonly staging: GPUBuffer[] = [];
  private constants: Tensor[] | undefined;
  private zeroBlock: Block | undefined;
  private failure: DeviceError | undefined;
  private closed = false;
  private kernels: Choices;
  private chosenPrecision: Precision;
  private planned = false;

  /** Use `openDevice`. */
  constructor(
    private readonly gpu: GPUDevice,
    readonly caps: Capabilities,
    options: DeviceOptions,
    /** How the device computes functions whose result WGSL leaves open. */
    readonly checks: readonly SelfCheckRow[] = [],
  ) {
    this.kernels = choicesByCapability(caps);
    this.chosenPrecision = options.precision ?? "f32";
    this.budget = options.memory ?? Number.POSITIVE_INFINITY;
    this.memory = new MemoryPool(gpu, caps.maxBuffer, this.budget);
    this.scratch = new MemoryPool(gpu, caps.maxBuffer, Number.POSITIVE_INFINITY);
    this.pipelines = new PipelineCache(gpu);
    this.recorder = new Recorder(gpu, this.pipelines);
    this.plans = new PlanCache();
    if (options.profile && caps.timestamps) this.recorder.profiler = this.profiler = new Profiler(gpu);
    for (const pool of [this.memory, this.scratch]) pool.onDestroy = () => this.recorder.dropGroups();
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const e = (event as GPUUncapturedErrorEvent).error;
      const memory = e.constructor.name === "GPUOutOfMemoryError";
      this.failure ??= memory
        ? new DeviceError(
            "OUT_OF_MEMORY",
            `engine: ${caps.name} is out of memory with ${mib(this.heldBytes)} held — use smaller images, or --memory`,
          )
        : new DeviceError("VALIDATION", `engine: ${e.message}`);
    });
    gpu.lost.then((info) => {
      if (!this.closed)
        this.failure = new DeviceError(
          "DEVICE_LOST",
          `engine: ${caps.name} was lost (${info.message}) — run the command again; finished work is kept`,
        );
    });
  }

  /** Most bytes one binding may have; larger tensors are worked on in windows. */
  get maxBinding(): number {
    return this.caps.maxBinding;
  }

  /** Which kernels ops use where several can do the work: by capability, unless `choose` was called. */
  get choices(): Choices {
    return this.kernels;
  }

  /** Sets the kernels, of those the device can run. Plans hold theirs, so this must come before the first. */
  choose(choices: Choices): void {
    if (!asChoices(this.caps, choices))
      throw new Error(
        `engine: choices of kernels — expected some that ${this.caps.name} runs, got ${Object.values(choices)}`,
      );
    if (this.planned) throw new Error("engine: choices of kernels — expected before the first plan, got them after it");
    this.kernels = choices;
  }

  /** Precision in which convolutions and products are computed from now on. */
  get precision(): Precision {
    return this.chosenPrecision;
  }

  /** Setting another one forgets all plans: they hold the kernels of the old one. */
  set precision(precision: Precision) {
    if (precision === this.chosenPrecision) return;
    this.releasePlans();
    this.chosenPrecision = precision;
  }

  /** Records what `body` does in float32, whatever the precision. */
  exact<T>(body: () => T): T {
    const { chosenPrecision } = this;
    this.chosenPrecision = "f32";
    try {
      return body();
    } finally {
      this.chosenPrecision = chosenPrecision;
    }
  }

  /** Bytes in use by tensors outside plans; zero when everything was freed. */
  get liveBytes(): number {
    return this.memory.liveBytes;
  }

  /** Bytes of GPU memory the process holds, free blocks included. */
  get heldBytes(): number {
    return this.memory.heldBytes + this.scratch.heldBytes;
  }

  get peakBytes(): number {
    return this.memory.peakBytes + this.scratch.peakBytes;
  }

  get dispatches(): number {
    return this.recorder.dispatches;
  }

  /** Bind groups made so far: none are where work repeats. */
  get bindGroups(): number {
    return this.recorder.groupsMade;
  }

  /** An uninitialised tensor; it belongs to the innermost scope. */
  empty(shape: readonly number[], dtype: GpuType = "f32", label = "tensor"): Tensor {
    const pool = this.recorderCaptures ? this.scratch : this.memory;
    return this.adopt(pool, shape, dtype, label);
  }

  /** A tensor with data. While work is recorded but not sent, that work is sent first, so order is kept. */
  upload(data: Float32Array | Uint32Array | Uint8Array, shape: readonly number[], label = "upload"): Tensor {
    const dtype: GpuType = data instanceof Float32Array ? "f32" : data instanceof Uint32Array ? "u32" : "u8";
    // a plan's scratch blocks are overwritten at each replay, so data uploaded while one is built live in the main pool
    const tensor = this.adopt(this.memory, shape, dtype, label, this.constants);
    if (tensor.elements !== data.length)
      throw new Error(`engine: upload ${label} — expected ${tensor.elements} values, got ${data.length}`);
    this.write(tensor, data);
    return tensor;
  }

  /** Overwrites a tensor's data from byte `offset` (a multiple of 4) on, in order with the work around it. */
  write(tensor: Tensor, data: Float32Array | Uint32Array | Uint8Array, offset = 0): void {
    if (!this.recorderCaptures) this.recorder.submit();
    let bytes: Uint8Array<ArrayBufferLike> = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    // Dawn wants multiples of four bytes, and refuses views of shared memory
    if (bytes.length % 4 || data.buffer instanceof SharedArrayBuffer) {
      const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
      padded.set(bytes);
      bytes = padded;
    }
    this.gpu.queue.writeBuffer(tensor.buffer, tensor.begin + offset, bytes as Uint8Array<ArrayBuffer>);
  }

  /** `count` zeros, shared by all who need them; not to be freed or written. */
  zeros(count: number): Tensor {
    if (!this.zeroBlock || this.zeroBlock.bytes < count * 4) {
      const bytes = Math.max(2 ** 18, sizeClass(count * 4));
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
      // WebGPU clears fresh buffers; an outgrown one may still be bound by plans, so it is left to them
      this.zeroBlock = { id: -bytes, bytes, store: this.gpu.createBuffer({ label: "zeros", size: bytes, usage }) };
    }
    return new Tensor([count], "f32", this.zeroBlock, { release: () => {} }, "zeros");
  }

  /**
   * Another form of a tensor that lives as long (weights as some kernel wants them), made at the first call and kept.
   * While a plan is built, forms of its own tensors become part of it; those of others are made at once, and not at replays.
   */
  derived(source: Tensor, form: string, make: () => Tensor): Tensor {
    const known = source.forms.get(form);
    if (known) return known;
    if (source.base.ofPlan) {
      const made = this.keep(this.scope(make));
      source.forms.set(form, made);
      return made;
    }
    const { constants } = this;
    this.constants = undefined;
    try {
      const made = this.recorder.outsideCapture(() => this.keep(this.scope(make)));
      source.forms.set(form, made);
      return made;
    } finally {
      this.constants = constants;
    }
  }

  /** Whether a binding may begin at this byte of a buffer. */
  canBindAt(byte: number): boolean {
    return byte % this.caps.offsetAlignment === 0;
  }

  /**
   * A copy of the data in a texture, for kernels that bind it with `Dispatch.sheets`; the bits of integers pass unchanged.
   * @param source of 32-bit values, whole vec4s, at most SHEET_BYTES
   */
  toSheet(source: Tensor): Tensor {
    const pool = this.recorderCaptures ? this.scratch : this.memory;
    const sheet = this.adopt(pool, source.shape, "f32", source.label, undefined, "sheet");
    this.recorder.fill(source, sheet);
    return sheet;
  }

  /** The tensor itself where it is in a texture, else its copy in one, kept as a form of it. */
  sheetOf(source: Tensor): Tensor {
    return source.inSheet ? source : this.derived(source, "sheet", () => this.toSheet(source));
  }

  dispatch(d: Dispatch): void {
    if (this.failure) throw this.failure;
    this.recorder.dispatch(d);
  }

  /** Runs `body`; tensors it made are freed at its end, except those it returns (they go to the outer scope). */
  scope<T extends Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>> | undefined>(body: () => T): T {
    const made = new Set<Tensor>();
    this.scopes.push(made);
    try {
      const result = body();
      const kept: readonly Tensor[] = result instanceof Tensor ? [result] : result ? Object.values(result) : [];
      const outer = this.scopes.at(-2);
      for (const t of kept) if (made.delete(t)) outer?.add(t);
      return result;
    } finally {
      this.scopes.pop();
      for (const t of made) t.free();
    }
  }

  /** Takes a tensor out of all scopes: its new owner frees it. */
  keep<T extends Tensor>(tensor: T): T {
    for (const scope of this.scopes) scope.delete(tensor);
    return tensor;
  }

  /** Reads tensors back, in order, as the typed array of their element type. Waits for all recorded work. */
  async read(...tensors: readonly Tensor[]): Promise<(Float32Array | Uint32Array | Uint8Array)[]> {
    const total = tensors.reduce((n, t) => n + t.bytes, 0);
    const buffer = this.takeStaging(total);
    let at = 0;
    for (const t of tensors) {
      this.recorder.copy(t, buffer, at);
      at += t.bytes;
    }
    this.recorder.submit();
    return await this.readStaging(buffer, tensors, total);
  }

  /** Reads one float tensor. */
  async readF32(tensor: Tensor): Promise<Float32Array> {
    return (await this.read(tensor))[0] as Float32Array;
  }

  /** Sends recorded work and does not wait; what fails in it is thrown by the next call that waits. */
  send(): void {
    this.recorder.submit();
  }

  /** Sends recorded work and waits until the device has done it. */
  async finish(): Promise<void> {
    this.recorder.submit();
    await settled(this.gpu.queue.onSubmittedWorkDone());
    await this.check();
  }

  /**
   * Records `build` once as a plan that can be run again and again with other input data. Inside, `input` declares the
   * data to be given at each run; `build` returns the tensors to be read back.
   */
  plan(build: (input: (shape: readonly number[], dtype: GpuType) => Tensor) => readonly Tensor[]): Plan {
    const inputs: Tensor[] = [];
    let pinned: { inputs: Tensor[]; outputs: Tensor[] } = { inputs: [], outputs: [] };
    if (this.heldBytes > this.budget) this.releasePlans();
    this.planned = true;
    this.constants = [];
    const owned = this.constants;
    try {
      const { steps, arena } = this.recorder.capture(() => {
        this.scope(() => {
          const outputs = build((shape, dtype) => {
            const t = this.empty(shape, dtype, "input");
            inputs.push(t);
            return t;
          });
          // views outlive the scope that gives the blocks back to the scratch pool
          pinned = { inputs: inputs.map((t) => t.view(t.shape)), outputs: outputs.map((t) => t.view(t.shape)) };
          return undefined;
        });
      });
      return new Plan(this, steps, arena, pinned.inputs, pinned.outputs, owned);
    } catch (e) {
      for (const t of owned) t.free();
      throw e;
    } finally {
      this.constants = undefined;
    }
  }

  /** Forgets all plans and destroys the memory that they shared. */
  releasePlans(): void {
    this.recorder.submit();
    this.plans.clear();
    this.scratch.trim();
  }

  /** For plans: encodes the steps, copies the outputs out and sends everything; resolves with the outputs' data. */
  async replay(
    plan: Plan,
    data: readonly (Float32Array | Uint32Array | Uint8Array)[],
  ): Promise<(Float32Array | Uint32Array | Uint8Array)[]> {
    if (this.failure) throw this.failure;
    data.forEach((d, i) => {
      this.write(plan.inputs[i], d);
    });
    for (const step of plan.steps) this.recorder.encode(step);
    const total = plan.outputs.reduce((n, t) => n + t.bytes, 0);
    const buffer = this.takeStaging(total);
    let at = 0;
    for (const t of plan.outputs) {
      this.recorder.copy(t, buffer, at);
      at += t.bytes;
    }
    this.recorder.submit();
    return await this.readStaging(buffer, plan.outputs, total);
  }

  /** Time by kernel since the last call; empty unless the device was opened with `profile`. */
  async profile(): Promise<ProfileRow[]> {
    if (!this.profiler) return [];
    await this.finish();
    await this.profiler.collect(settled);
    return this.profiler.take();
  }

  /** Frees everything and closes the device; to be called once, at the end. */
  close(): void {
    this.closed = true;
    this.releasePlans();
    for (const b of this.staging.splice(0)) b.destroy();
    this.memory.trim();
    this.gpu.destroy();
  }

  private get recorderCaptures(): boolean {
    return this.constants !== undefined;
  }

  private adopt(
    pool: MemoryPool,
    shape: readonly number[],
    dtype: GpuType,
    label: string,
    owner?: Tensor[],
    kind?: BlockKind,
  ): Tensor {
    const count = shape.reduce((n, d) => n * d, 1);
    const block = pool.take(dtype === "u8" ? count : count * 4, label, kind);
    const tensor = new Tensor(shape, dtype, block, { release: (_t: Tensor, b: Block) => pool.give(b) }, label);
    tensor.ofPlan = pool === this.scratch;
    if (owner) owner.push(tensor);
    else this.scopes.at(-1)?.add(tensor);
    return tensor;
  }

  private takeStaging(bytes: number): GPUBuffer {
    const i = this.staging.findIndex((b) => b.size >= bytes && b.size <= 4 * bytes + 65536);
    if (i >= 0) return this.staging.splice(i, 1)[0];
    return this.gpu.createBuffer({
      size: Math.max(256, Math.ceil(bytes / 4) * 4),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
  }

  private async readStaging(
    buffer: GPUBuffer,
    tensors: readonly Tensor[],
    total: number,
  ): Promise<(Float32Array | Uint32Array | Uint8Array)[]> {
    await this.check();
    if (total > 0) {
      try {
        await settled(buffer.mapAsync(GPUMapMode.READ, 0, total));
      } catch (cause) {
        await this.check();
        throw new DeviceError("READ_BACK", `engine: reading ${mib(total)} back failed — ${(cause as Error).message}`, {
          cause,
        });
      }
    }
    const bytes = total > 0 ? buffer.getMappedRange(0, total).slice(0) : new ArrayBuffer(0);
    if (total > 0) buffer.unmap();
    if (this.staging.length < 8 && !this.closed) this.staging.push(buffer);
    else buffer.destroy();
    await this.check();
    let at = 0;
    return tensors.map((t) => {
      const begin = at;
      at += t.bytes;
      if (t.dtype === "u8") return new Uint8Array(bytes, begin, t.elements);
      return t.dtype === "f32" ? new Float32Array(bytes, begin, t.elements) : new Uint32Array(bytes, begin, t.elements);
    });
  }

  private async check(): Promise<void> {
    await this.pipelines.check();
    if (this.failure) throw this.failure;
  }
}
