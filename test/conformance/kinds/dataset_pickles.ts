/** @file Data-set descriptions: what the pickles hold, and the paths, boxes and judgements that come out of loading them. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { loadDataset } from "../../../data/datasets/load.js";
import { cidPath, readSfm } from "../../../data/datasets/sfm.js";
import type { Dataset } from "../../../data/datasets/types.js";
import { plain, readPickleFile } from "../../../formats/pickle.js";
import { type Check, checkThat, type GoldenCase } from "../case.js";

export default async function datasetPickles(golden: GoldenCase): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [file, want] of Object.entries(golden.json.content)) {
    const got = readPickleFile(golden.path(`files/${file}`));
    checks.push(equal(`content/${file}`, simple(plain(got)), want));
  }
  for (const { cid, path } of golden.json.cid_to_path)
    if (cid)
      checks.push(checkThat(`cid_to_path/${cid}`, cidPath(cid) === path, `expected ${path}, got ${cidPath(cid)}`));

  const root = mkdtempSync(join(tmpdir(), "fire-gpu-conformance-"));
  try {
    for (const [file, place] of placesOf(golden)) {
      mkdirSync(join(root, place, ".."), { recursive: true });
      copyFileSync(golden.path(`files/${file}`), join(root, place));
    }
    for (const [name, want] of Object.entries(golden.json.load_dataset)) {
      const got = await loadDataset(name, { root, checkFiles: false });
      checks.push(equal(`load_dataset/${name}`, asReference(got, root), withoutBoxes(want)));
    }
    if (golden.json.content["retrieval-SfM-120k.pkl"]) checks.push(...checkTraining(golden, root));
  } finally {
    rmSync(root, { recursive: true });
  }
  return checks;
}

/**
 * Which file stands where below a data root. Several files may be ground truth of one set, written in different ways;
 * the one that the set's expected result was read from is the one with the same judgements.
 */
function placesOf(golden: GoldenCase): [file: string, place: string][] {
  const content: Record<string, { gnd?: unknown }> = golden.json.content;
  const sfm = Object.keys(content).filter((f) => f.startsWith("retrieval-SfM-120k"));
  const places = sfm.map((f): [string, string] => [f, `train/retrieval-SfM-120k/${f}`]);
  for (const [name, want] of Object.entries<{ gnd: unknown }>(golden.json.load_dataset)) {
    const same = (f: string) => f.startsWith(`gnd_${name}`) && isDeepStrictEqual(content[f].gnd, want.gnd);
    const file = Object.keys(content).find(same);
    if (file) places.push([file, `test/${name}/gnd_${name}.pkl`]);
  }
  return places;
}

/** The tuple (images, qimages, bbxs, gnd) that the reference's loader returns, paths relative to the data root. */
function asReference(dataset: Dataset, root: string) {
  const relative = (path: string) => path.slice(root.length + 1).replaceAll("\\", "/");
  const boxes = dataset.queries.map((q) => q.box);
  return {
    images: dataset.images.map(relative),
    qimages: dataset.queries.map((q) => relative(q.path)),
    bbxs: boxes.some((b) => b !== null) ? boxes : null,
    gnd: dataset.groundTruth,
  };
}

/** The reference leaves the box in each record as well; here it is the query's alone. */
function withoutBoxes(want: unknown): unknown {
  const { gnd, ...rest } = want as { gnd: Record<string, unknown>[] | null };
  return { ...rest, gnd: gnd?.map(({ bbx: _box, ...record }) => record) ?? null };
}

function checkTraining(golden: GoldenCase, root: string): Check[] {
  return (["train", "val"] as const).flatMap((split) => {
    const want = golden.json.content["retrieval-SfM-120k.pkl"][split];
    const got = readSfm(root, split);
    // Clusters are numbered anew: equal where the file's are equal.
    const first = want.cluster.map((c: number) => want.cluster.indexOf(c));
    const gotFirst = [...got.clusters].map((c) => got.clusters.indexOf(c));
    return [
      equal(`sfm/${split}/qidxs`, [...got.queries], want.qidxs),
      equal(`sfm/${split}/pidxs`, [...got.positives], want.pidxs),
      equal(`sfm/${split}/cluster`, gotFirst, first),
    ];
  });
}

/** Arrays and 64-bit numbers as the lists of numbers that case.json writes. */
function simple(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(simple);
  if (typeof value !== "object" || value === null) return value;
  if ("shape" in value && "data" in value) return Array.from(value.data as ArrayLike<number | bigint>, Number);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, simple(v)]));
}

function equal(name: string, got: unknown, want: unknown): Check {
  const ok = isDeepStrictEqual(got, want);
  return checkThat(name, ok, ok ? "exact" : `expected ${brief(want)}, got ${brief(got)}`);
}

function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
