/** @file The public test sets by name: Oxford and Paris, revisited and old, and the million distractors. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { getIt } from "./get-it.js";
import { readBoxes, readJudgements } from "./ground-truth.js";
import { duplicateWarning, readListFile } from "./list-file.js";
import { judgementWarnings, selfMatchWarning, unusedRecordKeys } from "./oddities.js";
import { isThereAsWritten } from "./photo-names.js";
import type { Dataset, DatasetQuery, OldRecord } from "./types.js";
import { type Field, readDescription } from "./values.js";

/** Published numbers of database and query images. */
const published: Readonly<Record<string, readonly [images: number, queries: number]>> = {
  roxford5k: [4993, 70],
  rparis6k: [6322, 70],
  oxford5k: [5063, 55],
  paris6k: [6392, 55],
};

export const benchmarkNames = Object.keys(published);

/**
 * One of {@link benchmarkNames}: `<root>/test/<name>/gnd_<name>.pkl` (or .json of the same content) and
 * `<root>/test/<name>/jpg/<image>.jpg`.
 * @throws MissingDataError, FileFormatError
 */
export function readBenchmark(root: string, name: string): Dataset {
  const folder = join(root, "test", name);
  const pickle = join(folder, `gnd_${name}.pkl`);
  const json = join(folder, `gnd_${name}.json`);
  const file = !existsSync(pickle) && existsSync(json) ? json : pickle;
  const top = readDescription(file, getIt(name, root));
  const imageNames = top.at("imlist").strings();
  if (imageNames.length === 0) top.at("imlist").fail("at least one image, got none");
  const queryNames = top.at("qimlist").strings();
  const gnd = top.at("gnd");
  const judgements = readJudgements(gnd, imageNames.length);
  if (judgements.records.length !== queryNames.length)
    gnd.fail(`as many records as qimlist (${queryNames.length}), got ${judgements.records.length}`);
  const boxes = readBoxes(gnd, "first", queryNames);
  const unused = unusedRecordKeys(gnd, judgements.protocol, queryNames);
  const pathOf = (image: string) => join(folder, "jpg", `${image}.jpg`);
  const base = {
    name,
    images: imageNames.map(pathOf),
    imageNames,
    queries: queryNames.map((q, i): DatasetQuery => ({ name: q, path: pathOf(q), box: boxes[i] })),
    warnings: [
      ...countWarning(name, imageNames.length, queryNames.length),
      ...duplicateWarning(imageNames, `${file}: imlist`),
      ...duplicateWarning(queryNames, `${file}: qimlist`),
      ...unused.warnings,
      ...ignoredBoxes(gnd, queryNames),
      ...judgementWarnings(judgements, { file, queries: queryNames, images: imageNames }),
    ],
    notes: unused.notes,
  };
  if (judgements.protocol === "revisited") return { ...base, protocol: "revisited", groundTruth: judgements.records };
  return withSelfMatches({ ...base, protocol: "old", groundTruth: judgements.records }, judgements.records, file);
}

/** Adds the warning about queries that find themselves. */
export function withSelfMatches(dataset: Dataset, records: readonly OldRecord[], file: string): Dataset {
  const indexOf = new Map(dataset.images.map((path, i) => [path, i]));
  const members = dataset.queries.map((q) => indexOf.get(q.path) ?? -1);
  const queries = dataset.queries.map((q) => q.name);
  const found = selfMatchWarning(records, members, { file, queries });
  return { ...dataset, warnings: [...dataset.warnings, ...found] } as Dataset;
}

/** The published sets take boxes only when their first query has one; a file that differs from that is worth a word. */
function ignoredBoxes(gnd: Field, queries: readonly string[]): string[] {
  const records = gnd.list();
  const boxed = records.findIndex((r) => r.has("bbx"));
  if (boxed < 1) return [];
  return [
    `${gnd.file}: the box of query ${queries[boxed]} and others are not used: the first record has none (the rule of the published sets)`,
  ];
}

function countWarning(name: string, images: number, queries: number): string[] {
  const [wantImages, wantQueries] = published[name];
  if (images === wantImages && queries === wantQueries) return [];
  return [
    `${name}: expected ${wantImages} images and ${wantQueries} queries, the file has ${images} and ${queries}; results are not comparable with published ones`,
  ];
}

/** The distractors: `<root>/test/revisitop1m/revisitop1m.txt` lists paths below jpg/, extension included. No queries. */
export function readDistractors(root: string): Dataset {
  const folder = join(root, "test", "revisitop1m");
  const file = join(folder, "revisitop1m.txt");
  const jpg = join(folder, "jpg");
  const {
    names: imageNames,
    warnings,
    notes,
  } = readListFile(file, getIt("revisitop1m", root), isThereAsWritten([jpg]));
  return {
    name: "revisitop1m",
    protocol: "old",
    images: imageNames.map((n) => join(jpg, n)),
    imageNames,
    queries: [],
    groundTruth: null,
    warnings: [...warnings, ...duplicateWarning(imageNames, file)],
    notes,
  };
}
