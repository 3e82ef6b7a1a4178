/** @file In-place addition, for gradients: the one kernel that changes a tensor. */
import type { Device } from "../device.js";
import type { Tensor, Window } from "../tensor.js";
import { groupsFor } from "./launch.js";

/** Pairs of one launch: every device can bind eight buffers. */
const PAIRS = 4;

/** target += addend, element by element (target = addend with `copy`). */
export function accumulate(device: Device, target: Tensor, addend: Tensor, copy = false): void {
  if (target.elements !== addend.elements)
    throw new Error(`accumulate: elements — expected ${target.elements}, got ${addend.elements}`);
  const limit = Math.floor(device.maxBinding / 1024) * 256;
  for (let at = 0; at < target.elements; at += limit) {
    const bytes = Math.min(limit, target.elements - at) * 4;
    const window = (tensor: Tensor) => ({ tensor, offset: at * 4, bytes });
    launch(device, [{ target: window(target), addend: window(addend) }], copy);
  }
}

/** Additions that may wait, because nobody reads their targets yet: four go in one launch. */
export class Additions {
  private readonly waiting = new Map<Tensor, Tensor>();

  constructor(private readonly device: Device) {}

  /** target += addend, at the latest at the next `flush`. Takes the addend over. */
  add(target: Tensor, addend: Tensor): void {
    if (this.waiting.has(target)) this.flush();
    if (target.elements === addend.elements && target.bytes <= this.device.maxBinding) this.waiting.set(target, addend);
    else {
      accumulate(this.device, target, addend);
      addend.free();
    }
  }

  /** Does what waits, as far as it fills launches with `least` pairs. */
  flush(least = 1): void {
    while (this.waiting.size >= least) {
      const pairs = [...this.waiting].slice(0, PAIRS).map(([target, addend]) => ({ target, addend }));
      launch(
        this.device,
        pairs.map(({ target, addend }) => ({ target: whole(target), addend: whole(addend) })),
        false,
      );
      for (const { target, addend } of pairs) {
        this.waiting.delete(target);
        addend.free();
      }
    }
  }

  /** Does full launches of what waits. */
  flushFull(): void {
    this.flush(PAIRS);
  }
}

/** Windows of equal size. */
interface Pair {
  readonly target: Window;
  readonly addend: Window;
}

const whole = (tensor: Tensor): Window => ({ tensor, offset: 0, bytes: tensor.bytes });

function launch(device: Device, pairs: readonly Pair[], copy: boolean): void {
  const params: number[] = [];
  let groups = 0;
  const words = pairs.some((p) => p.target.bytes % 16 !== 0);
  for (const { bytes } of pairs.map((p) => p.target)) {
    const count = bytes / (words ? 4 : 16);
    groups += groupsFor(count);
    params.push(groups, count);
  }
  const bytes = pairs.reduce((sum, { target }) => sum + target.bytes, 0);
  device.dispatch({
    shader: "train/accumulate.wgsl",
    constants: { COPY: copy ? 1 : 0, PAIRS: pairs.length, WORDS: words ? 1 : 0 },
    reads: pairs.map((p) => p.addend),
    writes: pairs.map((p) => p.target),
    params,
    groups,
    label: `accumulate/${pairs.map((p) => p.target.tensor.shape.join("x")).join("+")}`,
    cost: { flops: bytes / 4, bytes: 3 * bytes },
  });
}
