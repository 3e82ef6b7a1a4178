/**
 * @file The whole evaluation on real photos: pixel hashes, features of some photos in full, aggregated rows, search from
 * the case's rows, ranks and scores from our own rows, global descriptors, mAP. The strict level of the case applies.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Asmk } from "../../../asmk/asmk.js";
import { readCodebook } from "../../../asmk/codebook-file.js";
import { asmkParameters } from "../../../asmk/parameters.js";
import { splitByImage, type WordRows } from "../../../asmk/word-rows.js";
import { loadImages } from "../../../data/loader.js";
import { loadNetwork } from "../../../nets/load.js";
import type { LocalFeatures } from "../../../nets/network.js";
import { LEVELS, type RevisitedRecord, scoreDataset } from "../../../tasks/metrics/protocol.js";
import { type CaseHandler, type Check, type Context, checkThat, compareClose, type GoldenCase } from "../case.js";
import { checkLocal, isSlow, sharedDevice } from "../networks.js";
import { type Agreement, agreement, order } from "../ranking-agreement.js";
import { checkRows } from "../row-agreement.js";

/** Photos of the database and of the queries that a sampled run takes: SwiftShader needs up to half a minute for one. */
const SAMPLE = { slow: 1, other: 4 };

const run: CaseHandler = async (golden, context) => {
  const photos = join(find(golden.json.data_set.folder, context), "");
  const checkpoints = find(golden.json.checkpoint.folder, context);
  const device = await sharedDevice();
  const net = loadNetwork(device, join(checkpoints, golden.json.checkpoint.file));
  const asmk = new Asmk(asmkParameters(golden.json.asmk));
  asmk.useCodebook(readCodebook(join(checkpoints, golden.json.checkpoint.codebook)));
  const { scales, features_num: featuresNum, image_size: imageSize } = golden.json.inference;
  const sample = context.sample || (isSlow(device) && !context.full);
  const wanted = (names: string[]) => (sample ? names.slice(0, isSlow(device) ? SAMPLE.slow : SAMPLE.other) : names);
  const checks: Check[] = [];
  const sides: Record<string, Side> = {};
  for (const [side, all] of [
    ["db", golden.json.database],
    ["query", golden.json.queries],
  ] as const) {
    const names: string[] = wanted(all);
    const result: Side = { rows: [], global: [], counts: [] };
    sides[side] = result;
    let pixelsWrong = 0;
    for await (const { index, image, error } of loadImages(
      names.map((n) => ({ path: join(photos, n) })),
      { imageSize },
    )) {
      if (!image) throw error;
      const hash = createHash("sha256").update(image.data).digest("hex").slice(0, 16);
      if (hash !== golden.json.pixels.images[names[index]][2]) pixelsWrong++;
      const { local, global } = await net.extractBoth(image, { scales, featuresNum });
      result.counts.push(local.count);
      result.global.push(global);
      result.rows.push(side === "db" ? await asmk.encodeImage(index, local) : await asmk.encodeQuery(local));
      checks.push(...checkPhoto(golden, side, index, local));
      if (process.stderr.isTTY) process.stderr.write(`\r${golden.name} ${side} ${index + 1}/${names.length} `);
    }
    checks.push(
      checkThat(
        `pixels/${side}`,
        pixelsWrong === 0,
        `${pixelsWrong} of ${names.length} photos differ from Pillow's pixels`,
      ),
    );
    const counts = golden.read(`${side}/n_features`).data as Int32Array;
    checks.push(compareClose(`${side}/n_features`, result.counts, counts.subarray(0, names.length), { abs_max: 0 }));
    const tol = golden.note(`global/${side}`).tol ?? {};
    const reference = golden.f32(golden.note(`global/${side}`).f64_tensor ?? `global/${side}`);
    checks.push(
      compareClose(
        `global/${side}`,
        result.global.flatMap((g) => Array.from(g)),
        reference.subarray(0, names.length * net.outputDim),
        tol,
        3,
      ),
    );
    checks.push(...checkRows(golden, side, result.rows));
  }
  net.destroy();
  checks.push(...(await checkSearch(golden, asmk)));
  if (!sample) {
    for (const row of sides.db.rows) asmk.index.append(row);
    const rankings = await asmk.searchAll(sides.query.rows);
    checks.push(
      ...checkRanking(
        golden,
        photos,
        "asmk",
        rankings.map((r) => scatter(r.ids, r.scores)),
      ),
    );
    checks.push(
      ...checkRanking(
        golden,
        photos,
        "global",
        sides.query.global.map((q) => dots(q, sides.db.global)),
      ),
    );
  }
  return checks;
};
export default run;

interface Side {
  rows: WordRows[];
  global: Float32Array[];
  counts: number[];
}

function find(relative: string, { roots }: Context): string {
  const found = roots.map((r) => join(r, relative)).find((p) => existsSync(p));
  if (!found) throw new Error(`${relative} is in none of the roots ${roots.join(", ")}; name its root with --root`);
  return found;
}

function checkPhoto(golden: GoldenCase, side: string, index: number, local: LocalFeatures): Check[] {
  const photos: { k: number; role: string; index: number }[] = golden.json.local.photos;
  const photo = photos.find((p) => p.role === side && p.index === index);
  return photo ? checkLocal(golden, `local/${photo.k}`, local) : [];
}

/** From the rows of the case itself the scores must come out nearly exactly. */
async function checkSearch(golden: GoldenCase, asmk: Asmk): Promise<Check[]> {
  const rows = (side: string): WordRows => ({
    dim: asmk.codebook.dim,
    codes: Uint32Array.from(golden.read(`${side}/packed`).data as Int32Array, (v) => v >>> 0),
    words: Int32Array.from(golden.read(`${side}/word_ids`).data as Int16Array),
    images: Int32Array.from(golden.read(`${side}/image_ids`).data as Int16Array),
  });
  asmk.index.append(rows("db"));
  const rankings = await asmk.searchAll(splitByImage(rows("query")));
  const tol = (golden.note("asmk/scores") as { tol_when_given_the_rows_db_and_query?: { abs_max: number } })
    .tol_when_given_the_rows_db_and_query;
  const ours = rankings.map((r) => scatter(r.ids, r.scores));
  const check = compareClose(
    "asmk/scores from given rows",
    ours.flatMap((s) => Array.from(s)),
    referenceScores(golden, "asmk").flatMap((s) => Array.from(s)),
    tol ?? {},
  );
  asmk.useCodebook(asmk.codebook);
  return [check];
}

function checkRanking(golden: GoldenCase, photos: string, method: "asmk" | "global", ours: Float64Array[]): Check[] {
  const checks: Check[] = [];
  const t = golden.json.tolerances;
  if (method === "asmk") {
    const got = agreement(ours, referenceScores(golden, "asmk"));
    const bounds: [keyof Agreement, number, boolean][] = [
      ["scoreRmsRel", t.strict.score_rms_rel, true],
      ["scoreMaxAbs", t.strict.score_max_abs, true],
      ["top1Same", t.strict.top1_same_min, false],
      ["top10OverlapMean", t.strict.top10_overlap_mean_min, false],
      ["top10OverlapMin", t.strict.top10_overlap_min, false],
      ["kendallTauMean", t.strict.kendall_tau_first100_mean_min, false],
    ];
    for (const [name, bound, most] of bounds)
      checks.push(
        checkThat(
          `asmk/${name}`,
          most ? got[name] <= bound : got[name] >= bound,
          `${got[name].toPrecision(5)}, ${most ? "at most" : "at least"} ${bound}`,
        ),
      );
  }
  const truth: RevisitedRecord[] = golden.json.gnd ?? JSON.parse(readFileSync(join(photos, "gnd.json"), "utf8")).gnd;
  const score = scoreDataset("roxford5k-like", ours.map(order), truth);
  if (score.protocol !== "revisited") throw new Error("the case's ground truth has three levels");
  for (const level of LEVELS) {
    const want: number = golden.json.results[method][`map_${level}`];
    const points = Math.abs(score.levels[level].map - want) * 100;
    const bound: number = method === "asmk" ? t.strict.map_points[level[0].toUpperCase()] : t.global.map_points;
    checks.push(
      checkThat(
        `${method}/map_${level}`,
        points <= bound,
        `${(score.levels[level].map * 100).toFixed(2)} for ${(want * 100).toFixed(2)}, within ${bound} points`,
      ),
    );
  }
  return checks;
}

function referenceScores(golden: GoldenCase, method: "asmk"): Float64Array[] {
  const ranks = golden.read(`${method}/ranks`);
  const scores = golden.read(`${method}/scores`).data as Float64Array;
  const [queries, images] = ranks.shape;
  return Array.from({ length: queries }, (_, q) =>
    scatter(
      (ranks.data as Int32Array).subarray(q * images, (q + 1) * images),
      scores.subarray(q * images, (q + 1) * images),
    ),
  );
}

function scatter(ids: ArrayLike<number>, scores: Float64Array): Float64Array {
  const out = new Float64Array(scores.length);
  for (let r = 0; r < scores.length; r++) out[ids[r]] = scores[r];
  return out;
}

function dots(query: Float32Array, database: Float32Array[]): Float64Array {
  return Float64Array.from(database, (d) => d.reduce((s, v, i) => s + v * query[i], 0));
}
