/**
 * @file One comparison. Every engine sits in a process of its own, all are prepared and their outputs compared before
 * anything is timed. Then they take turns, and the pairing is fixed: each run of a peer comes directly behind a run of
 * ours, and a ratio is the median of a peer over the median of our runs before it. Idle processes sleep.
 */
import { loadavg } from "node:os";
import { summary } from "../../tasks/bench/timing.js";
import { EngineProcess, type RunTime } from "./engine-process.js";
import type { Output } from "./peer.js";
import { OURS } from "./peers.js";
import { COMPARISONS } from "./works.js";

/** Milliseconds: median, best and (upper quartile − lower quartile) / median. */
export interface Times {
  readonly median: number;
  readonly min: number;
  readonly spread: number;
  /** Processor time of the process, median: of all its threads, a software driver's too. */
  readonly cpu: number;
}

export interface PeerResult {
  readonly peer: string;
  /**
   * Largest difference from our output over our largest value; for searches the share of indices that differ; null
   * where the two do different work.
   */
  readonly difference: number | null;
  readonly first: number;
  readonly theirs: Times;
  readonly ours: Times;
  /** Medians, theirs over ours: above one we are faster. */
  readonly ratio: number;
  readonly cpuRatio: number;
  readonly rounds: number;
}

export interface ComparisonResult {
  readonly name: string;
  readonly title: string;
  readonly ourFirst: number;
  readonly results: readonly PeerResult[];
  readonly failures: readonly { readonly peer: string; readonly reason: string }[];
  readonly load: readonly [before: number, after: number];
}

/** Outputs may differ by rounding, in long sums of another order; of searches, by what rounding cannot decide. */
const TOLERANCE = 1e-4;
const LONG_RUN_MS = 1500;
const LONG_ROUNDS = 5;

/** Runs one comparison of works.ts. @throws Error when our own side fails */
export async function compare(
  name: string,
  peers: readonly string[],
  rounds: number,
  mini: boolean,
  news: (line: string) => void,
): Promise<ComparisonResult> {
  const { title, unequal, tolerance = TOLERANCE } = COMPARISONS[name];
  const before = loadavg()[0];
  const failures: { peer: string; reason: string }[] = [];
  const ours = new EngineProcess(OURS, name, mini);
  const others: { engine: EngineProcess; difference: number | null; pairs: [ours: RunTime, theirs: RunTime][] }[] = [];
  try {
    await ours.ready();
    const wanted = await ours.output();
    for (const peer of peers) {
      const engine = new EngineProcess(peer, name, mini);
      try {
        await engine.ready();
        const difference = unequal ? null : differenceOf(wanted, await engine.output());
        if (difference !== null && !(difference <= tolerance))
          throw new Error(`output differs by ${difference}, allowed ${tolerance}`);
        const agrees = difference === null ? "does other work" : `agrees to ${difference.toExponential(1)}`;
        news(`${name}: ${peer} ${agrees}, first run ${engine.first.toFixed(0)} ms`);
        others.push({ engine, difference, pairs: [] });
      } catch (e) {
        failures.push({ peer, reason: (e as Error).message.split("\n")[0] });
        news(`${name}: ${(e as Error).message}`);
        engine.close();
      }
    }
    for (let round = 0; round < rounds; round++)
      for (const { engine, pairs } of others) {
        if (round >= LONG_ROUNDS && pairs[0][1].ms > LONG_RUN_MS) continue;
        pairs.push([await ours.run(), await engine.run()]);
      }
    const results = others.map(({ engine, difference, pairs }): PeerResult => {
      const [mine, theirs] = [times(pairs.map((p) => p[0])), times(pairs.map((p) => p[1]))];
      const ratio = theirs.median / mine.median;
      const cpuRatio = theirs.cpu / mine.cpu;
      const { name: peer, first } = engine;
      return { peer, difference, first, theirs, ours: mine, ratio, cpuRatio, rounds: pairs.length };
    });
    return { name, title, ourFirst: ours.first, results, failures, load: [before, loadavg()[0]] };
  } finally {
    for (const engine of [ours, ...others.map((o) => o.engine)]) engine.close();
  }
}

function times(runs: readonly RunTime[]): Times {
  return { ...summary(runs.map((r) => r.ms)), cpu: summary(runs.map((r) => r.cpu)).median };
}

/** How far a peer's output is from ours; infinite when lengths differ or a value is not a number. */
export function differenceOf(ours: Output, theirs: Output): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY;
  const floats = ours instanceof Float32Array;
  let most = 0;
  let largest = 0;
  for (let i = 0; i < ours.length; i++) {
    const apart = Math.abs(ours[i] - theirs[i]);
    if (Number.isNaN(apart)) return Number.POSITIVE_INFINITY;
    if (floats) {
      most = Math.max(most, apart);
      largest = Math.max(largest, Math.abs(ours[i]));
    } else if (apart) most++;
  }
  return floats ? most / largest : most / ours.length;
}
