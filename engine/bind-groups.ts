/**
 * @file Bind groups, made once for what they bind. Making one takes longer than all the rest of a dispatch, so they are kept.
 * And as work repeats (a step of training like the last, a photo like the last), what was asked for is written down in order:
 * behind where the present one stood last time stands the one that will be wanted next, most likely. Only else it is looked up.
 */
import { type Kernel, SLOT } from "./pipelines.js";
import { Sheet } from "./sheet.js";
import { Tensor, type Window } from "./tensor.js";

/** A tensor, or a part of one that is bound alone. */
export type Binding = Tensor | Window;

interface Kept {
  readonly group: GPUBindGroup;
  readonly kernel: Kernel;
  /** Block, offset and bytes of each binding. */
  readonly bound: readonly number[];
  /** Where in the trail it stood last. */
  at: number;
}

/** A step of training asks for some thousand; photos of other sizes for others. */
const KEPT = 2 ** 15;
/** Gets that are remembered, more than a step of several tuples has. A power of two. */
const TRAIL = 2 ** 16;

export class BindGroups {
  private readonly groups = new Map<string, Kept>();
  /** What was asked for, round and round. */
  private readonly trail: Kept[] = [];
  private count = 0;
  /** Where the next one is expected. Whatever stands there is checked, so it may be long outdated. */
  private expected = 0;
  /** How many were made so far. */
  made = 0;

  /** @param uniforms what binding 0 shows a slot of */
  constructor(
    private readonly device: GPUDevice,
    private readonly uniforms: GPUBuffer,
  ) {}

  /** The group for a kernel that binds `reads`, then `writes`, as 1, 2, … */
  get(kernel: Kernel, reads: readonly Binding[], writes: readonly Binding[]): GPUBindGroup {
    let kept: Kept | undefined = this.trail[this.expected % TRAIL];
    if (!kept || !fits(kept, kernel, reads, writes)) {
      kept = this.find(kernel, [...reads, ...writes]);
      this.expected = kept.at;
    }
    this.expected++;
    kept.at = this.count++;
    this.trail[kept.at % TRAIL] = kept;
    return kept.group;
  }

  /** Forgets all, after blocks were destroyed. */
  clear(): void {
    this.groups.clear();
    this.trail.length = 0;
    this.count = 0;
    this.expected = 0;
  }

  private find(kernel: Kernel, bindings: readonly Binding[]): Kept {
    const bound = bindings.flatMap(placeOf);
    const key = `${kernel.id}:${bound.join()}`;
    let kept = this.groups.get(key);
    if (!kept) {
      if (this.groups.size >= KEPT) this.clear();
      this.made++;
      kept = { group: makeGroup(this.device, kernel, this.uniforms, bindings), kernel, bound, at: this.count };
      this.groups.set(key, kept);
    }
    return kept;
  }
}

/** A group that its caller keeps. */
export function makeGroup(
  device: GPUDevice,
  kernel: Kernel,
  uniforms: GPUBuffer,
  bindings: readonly Binding[],
): GPUBindGroup {
  return device.createBindGroup({
    label: kernel.label,
    layout: kernel.layout,
    entries: [
      { binding: 0, resource: { buffer: uniforms, size: SLOT } },
      ...bindings.map((b, i) => {
        const [, offset, bytes] = placeOf(b);
        const { store } = (b instanceof Tensor ? b : b.tensor).storage;
        const resource = store instanceof Sheet ? store.view : { buffer: store, offset, size: Math.max(4, bytes) };
        return { binding: i + 1, resource };
      }),
    ],
  });
}

/** Block, offset and bytes. */
function placeOf(b: Binding): [block: number, offset: number, bytes: number] {
  return b instanceof Tensor
    ? [b.storage.id, b.begin, b.bytes]
    : [b.tensor.storage.id, b.tensor.begin + b.offset, b.bytes];
}

function fits({ kernel: its, bound }: Kept, kernel: Kernel, reads: readonly Binding[], writes: readonly Binding[]) {
  return its === kernel && match(bound, 0, reads) && match(bound, reads.length * 3, writes);
}

/** Are these what is bound from `at` on? The counts are equal: they belong to the kernel. */
function match(bound: readonly number[], at: number, bindings: readonly Binding[]): boolean {
  for (let i = 0; i < bindings.length; i++, at += 3) {
    const b = bindings[i];
    const whole = b instanceof Tensor;
    const tensor = whole ? b : b.tensor;
    const begin = tensor.begin + (whole ? 0 : b.offset);
    if (bound[at] !== tensor.storage.id || bound[at + 1] !== begin || bound[at + 2] !== b.bytes) return false;
  }
  return true;
}
