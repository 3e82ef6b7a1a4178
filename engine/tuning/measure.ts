/**
 * @file The short timing that chooses kernels. Each candidate must first agree with what is chosen by capability; then all
 * take turns, so that a neighbour's load falls on all of them. A challenger must be clearly and steadily faster: noise must
 * not flip a choice from one run to the next.
 */
import { DeviceError } from "../../base/errors.js";
import { Mt19937 } from "../../base/random.js";
import type { Device } from "../device.js";
import { run } from "../op.js";
import { conv2d } from "../ops/conv2d.js";
import type { Conv2dAttrs } from "../ops/conv2d-attrs.js";
import { PANEL } from "../ops/pack.js";
import type { Tensor } from "../tensor.js";
import { CHOICE_NAMES, type ChoiceName, type Choices, candidatesOf, choicesByCapability } from "./choices.js";

/**
 * Largest difference between two kernels, relative to the largest value. Float32 sums of some thousand products in another
 * order differ by 1e-6, Winograd's by three times that; a wrong index differs by one.
 */
export const TOLERANCE = 1e-5;
/** By how much of its median a challenger must beat the choice by capability; and it must be faster in all rounds but one. */
const MARGIN = 0.05;
const ROUNDS = 7;
/** Shorter samples drown in the millisecond that waiting for a device may take. */
const LEAST_SAMPLE_MS = 20;
const MOST_BATCH = 256;

/** A convolution of one side × side image that keeps its size. Channels are multiples of a panel's columns. */
interface Shape {
  readonly side: number;
  readonly channels: number;
  readonly outChannels: number;
  readonly kernel: 1 | 3;
}

/**
 * On software drivers layers of the middle of a ResNet, about equal in multiply-adds; for a GPU one, and a product with enough of
 * the largest tiles to fill it.
 */
const SHAPES = {
  software: [
    { side: 64, channels: 64, outChannels: 256, kernel: 1 },
    { side: 32, channels: 128, outChannels: 128, kernel: 3 },
  ],
  gpu: [
    { side: 48, channels: 1024, outChannels: 2048, kernel: 1 },
    { side: 96, channels: 128, outChannels: 128, kernel: 3 },
  ],
  mini: [
    { side: 6, channels: 32, outChannels: 32, kernel: 1 },
    { side: 6, channels: 32, outChannels: 32, kernel: 3 },
  ],
} as const satisfies Record<string, readonly Shape[]>;

/** What each choice is timed on, and what must be set for it to matter there. */
const CONTESTS: { readonly [K in ChoiceName]: { kernels: readonly number[]; given: Partial<Choices> } } = {
  conv: { kernels: [1, 3], given: { conv3x3: "direct" } },
  conv3x3: { kernels: [3], given: {} },
};

/** How one candidate did. */
export interface Measured {
  readonly choice: ChoiceName;
  readonly candidate: string;
  /**
   * Median for all shapes of the choice together, of processor time on software drivers; null where there was nothing to
   * compare, or results differed.
   */
  readonly ms: number | null;
  /** Largest difference from the results of the choice by capability, relative to their largest value. */
  readonly difference: number;
  /** The choice by capability. */
  readonly byCapability: boolean;
  readonly chosen: boolean;
  /** Why it was not even timed. */
  readonly rejected?: string;
}

export interface Tuning {
  readonly choices: Choices;
  readonly measured: readonly Measured[];
  readonly seconds: number;
}

export interface TuneOptions {
  /** Tiny shapes: shows that everything runs, tells nothing about speed. */
  readonly mini?: boolean;
}

/**
 * Times what the device can run and makes it work with the winners. To be called before the device has plans.
 * @throws DeviceError when a kernel does not compile: better on a device of its own than on one with work
 */
export async function tune(device: Device, { mini = false }: TuneOptions = {}): Promise<Tuning> {
  const begin = performance.now();
  const shapes = SHAPES[mini ? "mini" : device.caps.software ? "software" : "gpu"];
  const works = shapes.map((shape) => makeWork(device, shape));
  const measured: Measured[] = [];
  let choices = choicesByCapability(device.caps);
  try {
    for (const name of CHOICE_NAMES) {
      const rows = await contest(device, name, choices, works);
      measured.push(...rows);
      choices = { ...choices, [name]: rows.find((r) => r.chosen)!.candidate };
    }
  } finally {
    for (const { tensors } of works) for (const t of tensors) t.free();
    device.memory.trim();
  }
  device.choose(choices);
  return { choices, measured, seconds: (performance.now() - begin) / 1000 };
}

/** A convolution to be repeated. */
interface Work {
  readonly kernel: number;
  readonly tensors: readonly Tensor[];
  record(): Tensor;
}

function makeWork(device: Device, { side, channels, outChannels, kernel }: Shape): Work {
  const random = new Mt19937(kernel);
  const values = (...shape: number[]) => {
    const count = shape.reduce((n, d) => n * d, 1);
    return device.keep(
      device.upload(
        Float32Array.from({ length: count }, () => 2 * random.nextF32() - 1),
        shape,
        "tuning",
      ),
    );
  };
  const tensors = [
    values(1, side, side, channels),
    values(outChannels / PANEL, kernel * kernel * channels, PANEL),
    values(outChannels),
  ];
  const pad = (kernel - 1) / 2;
  const attrs: Conv2dAttrs = {
    outChannels,
    kernel: [kernel, kernel],
    stride: 1,
    padding: [pad, pad],
    dilation: 1,
    relu: false,
  };
  return { kernel, tensors, record: () => run(device, conv2d, tensors, attrs) };
}

async function contest(device: Device, name: ChoiceName, choices: Choices, all: readonly Work[]): Promise<Measured[]> {
  const { kernels, given } = CONTESTS[name];
  const works = all.filter((w) => kernels.includes(w.kernel));
  const candidates = candidatesOf(device.caps, name);
  const row = (candidate: string, ms: number | null, difference: number): Measured => {
    const byCapability = candidate === candidates[0];
    return { choice: name, candidate, ms, difference, byCapability, chosen: false };
  };
  if (candidates.length === 1) return [{ ...row(candidates[0], null, 0), chosen: true }];
  const use = (candidate: string) => device.choose({ ...choices, ...given, [name]: candidate });

  const rows: Measured[] = [];
  const wanted: Float32Array[] = [];
  for (const candidate of candidates) {
    use(candidate);
    let difference = 0;
    for (const [i, work] of works.entries()) {
      const got = await results(device, work);
      wanted[i] ??= got;
      difference = Math.max(difference, differenceOf(got, wanted[i]));
    }
    const rejected = difference <= TOLERANCE ? {} : { rejected: `differs by more than ${TOLERANCE}` };
    rows.push({ ...row(candidate, null, difference), ...rejected });
  }
  if (rows[0].rejected)
    throw new DeviceError(
      "TUNING",
      `engine: ${device.caps.name} gives results that are no numbers with ${candidates[0]}`,
    );
  const valid = rows.filter((r) => !r.rejected);
  const rounds = await alternate(
    device,
    valid.map((r) => () => use(r.candidate)),
    works,
  );
  const best = valid[winner(rounds)];
  return rows.map((r) => {
    const at = valid.indexOf(r);
    return { ...r, ms: at < 0 ? null : median(rounds[at]), chosen: r === best };
  });
}

/** Index of the fastest by its times in each round, where it beats the first as MARGIN wants it; else 0. */
export function winner(rounds: readonly (readonly number[])[]): number {
  const [first] = rounds;
  const medians = rounds.map(median);
  const beats = (i: number) => {
    const won = rounds[i].filter((ms, round) => ms < first[round]).length;
    return medians[i] < medians[0] * (1 - MARGIN) && won >= first.length - 1;
  };
  return medians.reduce((best, ms, i) => (beats(i) && ms < medians[best] ? i : best), 0);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

async function results(device: Device, work: Work): Promise<Float32Array> {
  const output = work.record();
  const data = await device.readF32(output);
  output.free();
  return data;
}

/** Largest difference relative to the largest value; infinite where a value is no number. */
export function differenceOf(got: Float32Array, wanted: Float32Array): number {
  let largest = 0;
  let most = 0;
  for (const [i, value] of wanted.entries()) {
    const d = Math.abs(got[i] - value);
    if (!Number.isFinite(d)) return Number.POSITIVE_INFINITY;
    if (d > most) most = d;
    largest = Math.max(largest, Math.abs(value));
  }
  return most === 0 ? 0 : most / largest;
}

/**
 * Milliseconds of each candidate in each round, all works together; everything has been compiled. A software driver
 * computes in this process, whose processor time a neighbour's load disturbs less than the clock.
 */
async function alternate(
  device: Device,
  candidates: readonly (() => void)[],
  works: readonly Work[],
): Promise<number[][]> {
  const clock = device.caps.software ? processorMs : () => performance.now();
  const cases = candidates.flatMap((use, c) => works.map((work) => ({ use, c, work, batch: 1 })));
  const sample = async ({ use, work, batch }: (typeof cases)[number]) => {
    use();
    const begin = clock();
    for (let i = 0; i < batch; i++) work.record().free();
    await device.finish();
    return (clock() - begin) / batch;
  };
  for (const c of cases)
    c.batch = Math.min(MOST_BATCH, Math.max(1, Math.ceil(LEAST_SAMPLE_MS / Math.max(0.01, await sample(c)))));
  const rounds = candidates.map(() => new Array<number>(ROUNDS).fill(0));
  for (let round = 0; round < ROUNDS; round++) for (const c of cases) rounds[c.c][round] += await sample(c);
  return rounds;
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
