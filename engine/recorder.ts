/**
 * @file Dispatches become commands here: they are encoded into one open compute pass and submitted at a read-back or
 * when there are some more of them. Dawn orders dispatches by buffer, so inputs are bound read-only.
 */
import { BindGroups, type Binding, makeGroup } from "./bind-groups.js";
import { type Kernel, type PipelineCache, SLOT } from "./pipelines.js";
import type { Cost, Profiler } from "./profiler.js";
import type { Constants } from "./shader.js";
import type { Sheet } from "./sheet.js";
import type { Tensor } from "./tensor.js";

/** A value of the uniform parameters: an integer, or a float marked as such. */
export type Param = number | { readonly f32: number };

/** One kernel launch. `bindings` are bindings 1, 2, … in order; parameters are binding 0. */
export interface Dispatch {
  readonly shader: string;
  readonly constants: Constants;
  readonly reads: readonly Binding[];
  readonly writes: readonly Binding[];
  /** Bit i: read i is bound as the texture that it is in. Default: none. */
  readonly sheets?: number;
  readonly params: readonly Param[];
  /** Workgroups; above 65,535 they spill into a second dimension, kernels number them x + y · 65535. */
  readonly groups: number;
  /** Name in profiles: op and shape. */
  readonly label: string;
  readonly cost: Cost;
}

/** A recorded launch or copy, ready to be encoded again. */
export type Step = Launch | Fill;

/** A buffer's data go into a texture. */
interface Fill {
  readonly sheet: Sheet;
  readonly from: GPUBuffer;
  readonly begin: number;
  readonly bytes: number;
  readonly cost: Cost;
}

/** A kernel with its bindings and where its parameters are. */
interface Launch {
  readonly kernel: Kernel;
  readonly group: GPUBindGroup;
  readonly offset: number;
  readonly x: number;
  readonly y: number;
  readonly label: string;
  readonly cost: Cost;
}

const MAX_GRID = 65535;
const ARENA_SLOTS = 4096;
/** Launches after which a submit happens: a device begins while the rest is recorded. A submit costs as much as some launches. */
const SEND_EVERY = 128;

/** Uniform parameters of many dispatches in one buffer, written once before their submit. */
export class Arena {
  readonly buffer: GPUBuffer;
  private readonly words = new Uint32Array((ARENA_SLOTS * SLOT) / 4);
  private readonly floats = new Float32Array(this.words.buffer);
  private used = 0;

  constructor(private readonly device: GPUDevice) {
    this.buffer = device.createBuffer({
      size: ARENA_SLOTS * SLOT,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  get full(): boolean {
    return this.used >= ARENA_SLOTS;
  }

  /** Writes the parameters into the next slot and returns its byte offset. */
  put(params: readonly Param[]): number {
    const at = (this.used++ * SLOT) / 4;
    if (params.length > SLOT / 4)
      throw new Error(`engine: ${params.length} parameters do not fit a slot of ${SLOT / 4}`);
    for (let i = 0; i < params.length; i++) {
      const p = params[i];
      if (typeof p === "number") this.words[at + i] = p;
      else this.floats[at + i] = p.f32;
    }
    return at * 4;
  }

  upload(): void {
    if (this.used) this.device.queue.writeBuffer(this.buffer, 0, this.words, 0, (this.used * SLOT) / 4);
  }

  reset(): void {
    this.used = 0;
  }
}

export class Recorder {
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  private readonly arena: Arena;
  /** Launches in the open encoder. */
  private open = 0;
  /** What is set in the open pass. */
  private pipeline: GPUComputePipeline | undefined;
  private readonly groups: BindGroups;
  /** While set, launches are kept here, with parameters in its own arena, instead of being encoded. */
  private capturing: { steps: Step[]; arena: Arena } | undefined;
  profiler: Profiler | undefined;
  dispatches = 0;

  constructor(
    private readonly device: GPUDevice,
    private readonly pipelines: PipelineCache,
  ) {
    this.arena = new Arena(device);
    this.groups = new BindGroups(device, this.arena.buffer);
  }

  /** Bind groups that were made, plans' own not counted. */
  get groupsMade(): number {
    return this.groups.made;
  }

  get pendingWork(): boolean {
    return this.encoder !== undefined;
  }

  dispatch(d: Dispatch): void {
    if (d.groups === 0) return;
    const arena = this.capturing?.arena ?? this.arena;
    if (arena.full) {
      if (this.capturing) throw new Error(`engine: a plan is limited to ${ARENA_SLOTS} dispatches`);
      this.submit();
    }
    const kernel = this.pipelines.get(d.shader, d.constants, d.reads.length, d.writes.length, d.sheets);
    const step: Launch = {
      kernel,
      // a plan keeps its own, which show its arena
      group: this.capturing
        ? makeGroup(this.device, kernel, arena.buffer, [...d.reads, ...d.writes])
        : this.groups.get(kernel, d.reads, d.writes),
      offset: arena.put(d.params),
      x: Math.min(d.groups, MAX_GRID),
      y: Math.ceil(d.groups / MAX_GRID),
      label: d.label,
      cost: d.cost,
    };
    this.take(step);
  }

  /** Copies a tensor's data into the texture of another. */
  fill(from: Tensor, to: Tensor): void {
    const cost = { flops: 0, bytes: 2 * from.bytes };
    this.take({ sheet: to.storage.store as Sheet, from: from.buffer, begin: from.begin, bytes: from.bytes, cost });
  }

  /** Encodes a step; a launch goes into the open pass, or with a profiler into one of its own. */
  encode(step: Step): void {
    this.encoder ??= this.device.createCommandEncoder();
    if ("sheet" in step) {
      this.endPass();
      step.sheet.fill(this.encoder, step.from, step.begin, step.bytes);
      return;
    }
    this.dispatches++;
    const timestampWrites = this.profiler?.next(step.label, step.cost);
    if (this.profiler) this.endPass();
    this.pass ??= this.encoder.beginComputePass(timestampWrites ? { timestampWrites } : {});
    const { pipeline } = step.kernel;
    if (pipeline !== this.pipeline) this.pass.setPipeline(pipeline);
    this.pipeline = pipeline;
    this.pass.setBindGroup(0, step.group, [step.offset]);
    this.pass.dispatchWorkgroups(step.x, step.y);
    if (this.profiler) this.endPass();
    if (++this.open >= SEND_EVERY) this.submit();
  }

  copy(from: Tensor, to: GPUBuffer, offset: number): void {
    this.endPass();
    this.encoder ??= this.device.createCommandEncoder();
    this.encoder.copyBufferToBuffer(from.buffer, from.begin, to, offset, from.bytes);
  }

  /** Sends what was recorded. */
  submit(): void {
    if (!this.encoder) return;
    this.endPass();
    this.arena.upload();
    this.device.queue.submit([this.encoder.finish()]);
    this.arena.reset();
    this.encoder = undefined;
    this.open = 0;
  }

  /** Runs `build` with launches kept instead of encoded, and returns them with the arena that holds their parameters. */
  capture(build: () => void): { steps: Step[]; arena: Arena } {
    if (this.capturing) throw new Error("engine: captures do not nest");
    const capture = { steps: [] as Step[], arena: new Arena(this.device) };
    this.capturing = capture;
    try {
      build();
    } catch (error) {
      capture.arena.buffer.destroy();
      throw error;
    } finally {
      this.capturing = undefined;
    }
    capture.arena.upload();
    return capture;
  }

  /** Runs `body` with launches encoded as if no capture were under way. */
  outsideCapture<T>(body: () => T): T {
    const { capturing } = this;
    this.capturing = undefined;
    try {
      return body();
    } finally {
      this.capturing = capturing;
    }
  }

  /** Forgets bind groups, after blocks were destroyed. */
  dropGroups(): void {
    this.groups.clear();
  }

  private take(step: Step): void {
    if (this.capturing) this.capturing.steps.push(step);
    else this.encode(step);
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = undefined;
    this.pipeline = undefined;
  }
}
