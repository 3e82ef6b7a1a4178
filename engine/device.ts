/**
 * @file The device: memory, uploads, dispatches, read-backs, scopes and plans. Everything above works through this class
 * and sees capabilities, never Dawn.
 */
import { checkArgument, checkOptions } from "../base/check.js";
import type { DeviceError } from "../base/errors.js";
import { type Capabilities, capabilitiesOf, chooseAdapter, requestGpu } from "./adapter.js";
import { settled } from "./dawn.js";
import { DEVICE_RULES, type DeviceOptions, type Precision } from "./device-options.js";
import { Faults } from "./faults.js";
import { type Block, type BlockKind, MemoryPool, sizeClass } from "./memory.js";
import { Count, MemoryLimit, OverLimit } from "./memory-limit.js";
import { PipelineCache } from "./pipelines.js";
import { Plan, PlanCache } from "./plan.js";
import { type ProfileRow, Profiler } from "./profiler.js";
import { type HostData, ReadBack } from "./read-back.js";
import { type Dispatch, Recorder } from "./recorder.js";
import { requireSound, roundsToNearest, type SelfCheckRow, selfCheck } from "./self-check.js";
import { type GpuType, Tensor } from "./tensor.js";
import { asChoices, type Choices, choicesByCapability } from "./tuning/choices.js";

export type { DeviceOptions, Precision };

/** Opens a device. @throws DeviceError when there is none, even in software, or when it fails its self-check. */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  checkOptions("openDevice", options, DEVICE_RULES);
  const adapter = await chooseAdapter(options.select ?? process.env.FIRE_GPU_DEVICE);
  const caps = capabilitiesOf(adapter);
  const gpu = await requestGpu(adapter, caps);
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
  /** Of memory to hold. */
  readonly limit: MemoryLimit;
  private readonly scratch: MemoryPool;
  private readonly pipelines: PipelineCache;
  private readonly recorder: Recorder;
  private readonly profiler: Profiler | undefined;
  private readonly scopes: Set<Tensor>[] = [];
  private readonly faults: Faults;
  private readonly readBack: ReadBack;
  /** Set while a plan is built: data that live as long as the plan. */
  private constants: Tensor[] | undefined;
  private capturing = false;
  private counting: Count | undefined;
  /** Forms made since the last call that waited: if that work fails, they hold nothing good. */
  private freshForms: { source: Tensor; form: string }[] = [];
  private zeroBlock: Block | undefined;
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
    this.pipelines = new PipelineCache(gpu);
    this.recorder = new Recorder(gpu, this.pipelines);
    this.limit = new MemoryLimit(options.memory ?? Number.POSITIVE_INFINITY, {
      held: () => this.heldBytes,
      trim: () => this.memory.trim(),
      // not while blocks belong to the plan that is being built
      releasePlans: () => this.capturing || this.releasePlans(),
    });
    const hooks = {
      beforeCreate: (bytes: number, label: string) => this.limit.makeRoom(bytes, label),
      beforeDestroy: () => {
        this.recorder.submit();
        this.recorder.dropGroups();
      },
    };
    this.memory = new MemoryPool(gpu, caps.maxBuffer, hooks);
    this.scratch = new MemoryPool(gpu, caps.maxBuffer, hooks);
    this.plans = new PlanCache();
    this.readBack = new ReadBack(gpu);
    if (options.profile && caps.timestamps) this.recorder.profiler = this.profiler = new Profiler(gpu);
    this.faults = new Faults(gpu, caps.name, () => this.heldBytes);
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
    checkArgument("device.precision", precision, DEVICE_RULES.precision);
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

  /** Bytes that may still be used under the limit; Infinity without one. Work that can be split takes a part of it. */
  get room(): number {
    return Math.max(0, this.limit.bytes - this.liveBytes);
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
    return this.adopt(this.recorderCaptures ? "scratch" : "memory", shape, dtype, label);
  }

  /** A tensor with data. While work is recorded but not sent, that work is sent first, so order is kept. */
  upload(data: Float32Array | Uint32Array | Uint8Array, shape: readonly number[], label = "upload"): Tensor {
    const dtype: GpuType = data instanceof Float32Array ? "f32" : data instanceof Uint32Array ? "u32" : "u8";
    // a plan's scratch blocks are overwritten at each replay, so data uploaded while one is built live in the main pool
    const tensor = this.adopt("memory", shape, dtype, label, this.constants);
    if (tensor.elements !== data.length)
      throw new Error(`engine: upload ${label} — expected ${tensor.elements} values, got ${data.length}`);
    this.write(tensor, data);
    return tensor;
  }

  /** Overwrites a tensor's data from byte `offset` (a multiple of 4) on, in order with the work around it. */
  write(tensor: Tensor, data: Float32Array | Uint32Array | Uint8Array, offset = 0): void {
    if (this.counting) return;
    if (!this.recorderCaptures) this.recorder.submit();
    this.gpu.queue.writeBuffer(tensor.buffer, tensor.begin + offset, writable(data));
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
    const counted = this.counting?.formOf(source, form);
    if (counted) return counted;
    const { constants } = this;
    if (!source.base.ofPlan) this.constants = undefined;
    try {
      const made = source.base.ofPlan
        ? this.keep(this.scope(make))
        : this.recorder.outsideCapture(() => this.keep(this.scope(make)));
      if (this.counting) this.counting.keepForm(source, form, made);
      else {
        source.forms.set(form, made);
        this.freshForms.push({ source, form });
      }
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
    const pool = this.recorderCaptures ? "scratch" : "memory";
    const sheet = this.adopt(pool, source.shape, "f32", source.label, undefined, "sheet");
    if (!this.counting) this.recorder.fill(source, sheet);
    return sheet;
  }

  /** The tensor itself where it is in a texture, else its copy in one, kept as a form of it. */
  sheetOf(source: Tensor): Tensor {
    return source.inSheet ? source : this.derived(source, "sheet", () => this.toSheet(source));
  }

  dispatch(d: Dispatch): void {
    this.faults.requireUsable();
    if (!this.counting) this.recorder.dispatch(d);
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
  async read(...tensors: readonly Tensor[]): Promise<HostData[]> {
    this.faults.requireUsable();
    return await this.receive(tensors);
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
    this.faults.requireUsable();
    this.recorder.submit();
    const settle = this.collect();
    await settled(this.gpu.queue.onSubmittedWorkDone());
    await settle();
  }

  /**
   * Records `build` once as a plan that can be run again and again with other input data. Inside, `input` declares the
   * data to be given at each run; `build` returns the tensors to be read back. Near a limit of memory it runs again.
   * @param what the plan is for, for the message
   * @throws DeviceError (MEMORY_LIMIT) telling how much is needed
   */
  plan(build: PlanBuilder, what = "this work"): Plan {
    this.faults.requireUsable();
    this.planned = true;
    try {
      return this.capture(build);
    } catch (e) {
      if (!(e instanceof OverLimit)) throw e;
    }
    // what other plans share is in the way
    this.releasePlans();
    try {
      return this.capture(build);
    } catch (e) {
      if (!(e instanceof OverLimit)) throw e;
    }
    throw this.limitFor(what, () => {
      this.constants = [];
      try {
        build((shape, dtype) => this.empty(shape, dtype, "input"));
      } finally {
        this.constants = undefined;
      }
    });
  }

  /** Goes through `body`, which did not fit the limit, without a device, and tells how much it needs. */
  limitFor(what: string, body: () => void): OverLimit {
    const count = new Count(this.gpu, this.caps.maxBuffer, this.memory.liveBytes);
    this.counting = count;
    try {
      this.scope(() => {
        body();
        return undefined;
      });
    } finally {
      this.counting = undefined;
    }
    return new OverLimit(this.limit.bytes, what, count.most, false);
  }

  /** Forgets all plans and destroys the memory that they shared. */
  releasePlans(): void {
    this.plans.clear();
    this.scratch.trim();
  }

  /** For plans: encodes the steps, copies the outputs out and sends everything; resolves with the outputs' data. */
  async replay(plan: Plan, data: readonly HostData[]): Promise<HostData[]> {
    this.faults.requireUsable();
    for (const [i, { elements, shape }] of plan.inputs.entries())
      if (data[i]?.length !== elements)
        throw new Error(`engine: input ${i} of a plan — expected [${shape}], got ${data[i]?.length} values`);
    data.forEach((d, i) => {
      this.write(plan.inputs[i], d);
    });
    for (const step of plan.steps) this.recorder.encode(step);
    return await this.receive(plan.outputs);
  }

  /** Time by kernel since the last call; empty unless the device was opened with `profile`. */
  async profile(): Promise<ProfileRow[]> {
    if (!this.profiler) return [];
    await this.finish();
    await this.profiler.collect(settled);
    return this.profiler.take();
  }

  /** Frees everything and closes the device. Later calls of whatever works on it throw UsageError (Closed). */
  close(): void {
    if (this.faults.closed) return;
    this.releasePlans();
    this.memory.trim();
    this.faults.close();
    this.readBack.close();
    this.gpu.destroy();
  }

  private get recorderCaptures(): boolean {
    return this.constants !== undefined;
  }

  private capture(build: PlanBuilder): Plan {
    const inputs: Tensor[] = [];
    let pinned: { inputs: Tensor[]; outputs: Tensor[] } = { inputs: [], outputs: [] };
    this.constants = [];
    this.capturing = true;
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
      this.capturing = false;
    }
  }

  private adopt(
    place: "memory" | "scratch",
    shape: readonly number[],
    dtype: GpuType,
    label: string,
    owner?: Tensor[],
    kind?: BlockKind,
  ): Tensor {
    this.faults.requireUsable();
    const pool = (this.counting ?? { memory: this.memory, scratch: this.scratch })[place];
    const count = shape.reduce((n, d) => n * d, 1);
    const block = pool.take(dtype === "u8" ? count : count * 4, label, kind);
    const tensor = new Tensor(shape, dtype, block, { release: (_t: Tensor, b: Block) => pool.give(b) }, label);
    tensor.ofPlan = place === "scratch";
    this.counting?.made.add(tensor);
    if (owner) owner.push(tensor);
    else this.scopes.at(-1)?.add(tensor);
    return tensor;
  }

  /** Copies tensors out, sends everything and waits for it. */
  private async receive(tensors: readonly Tensor[]): Promise<HostData[]> {
    const buffer = this.readBack.take(tensors.reduce((n, t) => n + t.bytes, 0));
    let at = 0;
    for (const t of tensors) {
      this.recorder.copy(t, buffer, at);
      at += t.bytes;
    }
    this.recorder.submit();
    const settle = this.collect();
    try {
      await settle();
      return await this.readBack.data(buffer, tensors);
    } catch (error) {
      buffer.destroy();
      if ((error as DeviceError).code === "READ_BACK") await this.faults.throwIfLost();
      throw error;
    }
  }

  /**
   * The errors of what was recorded since the last call of this, as a function that waits for them, cleans up after them
   * and throws the first. What may have failed half-way (plans, forms, waiting blocks) is forgotten: the next call works.
   */
  private collect(): () => Promise<void> {
    const found = Promise.all([this.pipelines.collect(), this.faults.collect()]);
    const forms = this.freshForms;
    this.freshForms = [];
    return async () => {
      const [shader, other] = await settled(found);
      this.faults.requireUsable();
      const error = shader ?? other;
      if (!error) return;
      for (const { source, form } of forms) {
        if (source.base.freed) continue;
        source.forms.get(form)?.free();
        source.forms.delete(form);
      }
      this.releasePlans();
      this.memory.trim();
      throw error;
    };
  }
}

/** Bytes as Dawn takes them: multiples of four, and no views of shared memory. */
function writable(data: HostData): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length % 4 === 0 && !(data.buffer instanceof SharedArrayBuffer)) return bytes as Uint8Array<ArrayBuffer>;
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return padded;
}

/** What `Device.plan` records. */
type PlanBuilder = (input: (shape: readonly number[], dtype: GpuType) => Tensor) => readonly Tensor[];
