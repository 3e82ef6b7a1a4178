/** @file Average precision, precision at k, and the protocols; to 1e-12, NaN as NaN. */
import { FireGpuError } from "../../../base/errors.js";
import { averagePrecision, type Relevance } from "../../../tasks/metrics/average-precision.js";
import { meanAveragePrecision } from "../../../tasks/metrics/mean-average-precision.js";
import { type RevisitedRecord, scoreDataset } from "../../../tasks/metrics/protocol.js";
import { scoreKeys } from "../../../tasks/metrics/score-report.js";
import { type Check, checkThat, compareClose, type GoldenCase } from "../case.js";

const TOLERANCE = { abs_max: 1e-12 };

interface MapCase {
  name: string;
  ranks_tensor: string;
  gnd: Relevance[];
  kappas: number[];
  expected?: { map: number; aps: unknown; mpr: unknown; prs: unknown };
  expected_error?: string;
}

interface RevisitedCase {
  name: string;
  dataset: string;
  gnd: RevisitedRecord[];
  kappas: number[];
  expected: Record<string, unknown>;
}

export default async function run(golden: GoldenCase): Promise<Check[]> {
  const { compute_map: maps, revisited, how_val_eccv20: plain, compute_ap: aps } = golden.json;
  const checks = (maps as MapCase[]).flatMap((c) => checkMap(c, columns(golden, c.ranks_tensor)));
  for (const c of revisited as RevisitedCase[]) {
    const got = scoreKeys(scoreDataset(c.dataset, columns(golden, `ranks/${c.name}`), c.gnd, c.kappas));
    for (const [key, want] of Object.entries(c.expected)) checks.push(close(`${c.name} ${key}`, got[key], want));
  }
  if (plain) {
    const rankings = columns(golden, "ranks/val_eccv20");
    const got = scoreKeys(scoreDataset("val_eccv20", rankings, plain.gnd, plain.kappas));
    for (const [key, want] of Object.entries(plain.expected)) checks.push(close(`val_eccv20 ${key}`, got[key], want));
  }
  for (const { ranks, nres, ap } of aps as { ranks: number[]; nres: number; ap: number }[])
    checks.push(close(`AP of [${ranks}] among ${nres}`, averagePrecision(ranks, nres), ap));
  return checks;
}

/**
 * Where the reference raises, two cases differ: without any positive in the ground truth there is no mean, which is an
 * error here too; a query of which nothing was found has AP 0 and precision 0 here, and is listed.
 */
function checkMap(c: MapCase, rankings: Int32Array[]): Check[] {
  if (c.expected) {
    const { map, meanPrecisionAt, queries } = meanAveragePrecision(rankings, c.gnd, c.kappas);
    return [
      close(`${c.name} map`, map, c.expected.map),
      close(
        `${c.name} aps`,
        queries.map((q) => q.ap),
        c.expected.aps,
      ),
      close(`${c.name} mpr`, meanPrecisionAt, c.expected.mpr),
      close(
        `${c.name} prs`,
        queries.map((q) => q.precisionAt),
        c.expected.prs,
      ),
    ];
  }
  const reason = `the reference raises ${c.expected_error}`;
  if (c.gnd.every((g) => g.ok.length === 0)) {
    let raised = "";
    try {
      meanAveragePrecision(rankings, c.gnd, c.kappas);
    } catch (e) {
      if (!(e instanceof FireGpuError)) throw e;
      raised = e.code;
    }
    return [checkThat(`${c.name} is an error`, raised === "NoPositives", `${reason}; here ${raised || "no error"}`)];
  }
  const { map, queries, nothingFound } = meanAveragePrecision(rankings, c.gnd, c.kappas);
  const without = meanAveragePrecision(rankings, c.gnd, []);
  const zero = nothingFound.every((i) => queries[i].ap === 0 && queries[i].precisionAt.every((p) => p === 0));
  return [
    checkThat(`${c.name} AP 0`, nothingFound.length > 0 && zero, `${reason}; here queries ${nothingFound} have AP 0`),
    // Without kappas the reference does not raise, and gives this mean.
    close(`${c.name} map`, map, without.map),
  ];
}

/** The columns of a (ranks × queries) matrix. */
function columns(golden: GoldenCase, name: string): Int32Array[] {
  const { shape, data } = golden.read(name);
  return Array.from({ length: shape[1] }, (_, q) =>
    Int32Array.from({ length: shape[0] }, (_, r) => Number(data[r * shape[1] + q])),
  );
}

/** Nested lists of numbers, "nan" for NaN, compared value by value. */
function close(name: string, got: unknown, want: unknown): Check {
  const flat = (v: unknown): number[] => (Array.isArray(v) ? v.flatMap(flat) : [v === "nan" ? Number.NaN : Number(v)]);
  return compareClose(name, flat(got), flat(want), TOLERANCE);
}
