/**
 * @file Timing of work on a machine that is never quiet: all candidates of a section take turns, so that a neighbour's
 * load falls on all of them, and medians are reported with their spread. Only ratios inside one such run mean anything.
 */
import { readFileSync } from "node:fs";
import type { Cost } from "../../engine/profiler.js";

/** Something to be timed. */
export interface BenchCase {
  readonly section: string;
  readonly name: string;
  /** The arithmetic and the memory traffic that one run needs at least. */
  readonly cost: Cost;
  /** Brings about what a run begins with; not timed, and there is one run a sample then. */
  prepare?(): Promise<void>;
  /** Records one run on the device without waiting; several then share one wait. */
  record?(): void;
  /** Waits for what was recorded; or, without `record`, does one run to its end. */
  finish(): Promise<void>;
  /** Clears away behind a run; not timed. */
  settle?(): Promise<void>;
  /** Most bytes of device memory that a run had in use. */
  peakBytes?(): number;
  close?(): void;
}

/** Milliseconds of one run. */
export interface Timing {
  readonly median: number;
  readonly min: number;
  /** (upper quartile − lower quartile) / median. */
  readonly spread: number;
  readonly samples: number;
  /** Runs that shared one wait in each sample. */
  readonly batch: number;
  /** Processor time of the whole process: of a software driver the better measure under a neighbour's load. Median. */
  readonly cpu: number;
  /** Processor time of the thread that records and waits; null where the system does not tell. Median. */
  readonly host: number | null;
  /** The first run in this process: compilation of its kernels included, where no earlier row had compiled them. */
  readonly cold: number;
}

/** Shorter samples drown in the millisecond that waiting for a device may take. */
const LEAST_SAMPLE_MS = 25;
const MOST_BATCH = 256;
/** Beyond this a case gets three rounds only. */
const LONG_CASE_MS = 1500;

/** Times all cases in turns. @param rounds samples of each, three for cases that take seconds */
export async function alternate(
  cases: readonly BenchCase[],
  rounds: number,
  news: (line: string) => void = () => {},
): Promise<Timing[]> {
  const states = [];
  for (const c of cases) {
    const cold = (await sample(c, 1)).ms;
    const warm = c.record ? (await sample(c, 1)).ms : cold;
    const batch = c.record && !c.prepare ? Math.min(MOST_BATCH, Math.max(1, Math.ceil(LEAST_SAMPLE_MS / warm))) : 1;
    states.push({
      c,
      cold,
      batch,
      rounds: warm > LONG_CASE_MS ? Math.min(3, rounds) : rounds,
      samples: [] as Sample[],
    });
    news(`${c.section} ${c.name}: first run ${cold.toFixed(1)} ms`);
  }
  for (let round = 0; round < rounds; round++)
    for (const s of states) if (round < s.rounds) s.samples.push(await sample(s.c, s.batch));
  return states.map(({ samples, cold, batch }) => ({
    ...summary(samples.map((s) => s.ms)),
    cpu: summary(samples.map((s) => s.cpu)).median,
    host: samples[0].host === null ? null : summary(samples.map((s) => s.host!)).median,
    samples: samples.length,
    batch,
    cold,
  }));
}

interface Sample {
  readonly ms: number;
  readonly cpu: number;
  readonly host: number | null;
}

async function sample(c: BenchCase, batch: number): Promise<Sample> {
  await c.prepare?.();
  const cpu = process.cpuUsage();
  const host = hostThreadMs();
  const begin = performance.now();
  for (let i = 0; i < batch && c.record; i++) c.record();
  await c.finish();
  const ms = performance.now() - begin;
  const used = process.cpuUsage(cpu);
  const hostEnd = hostThreadMs();
  await c.settle?.();
  return {
    ms: ms / batch,
    cpu: (used.user + used.system) / 1000 / batch,
    host: host === null || hostEnd === null ? null : (hostEnd - host) / batch,
  };
}

/** Processor time of the main thread so far, as Linux counts it. */
function hostThreadMs(): number | null {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return null;
  }
}

/** Median, minimum and relative spread of at least one number. */
export function summary(values: readonly number[]): { median: number; min: number; spread: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number) => {
    const x = q * (sorted.length - 1);
    const low = Math.floor(x);
    return sorted[low] + (x - low) * (sorted[Math.ceil(x)] - sorted[low]);
  };
  return { median: at(0.5), min: sorted[0], spread: (at(0.75) - at(0.25)) / at(0.5) };
}
