/** @file Data sets that a user describes: HOW's mapping of list files, a pickle of full paths, and folders with a gnd file. */
import { join, resolve } from "node:path";
import { UsageError } from "../../base/errors.js";
import { kindOfPath } from "../../base/regular-file.js";
import { withSelfMatches } from "./benchmarks.js";
import { type Judgements, readBoxes, readJudgements } from "./ground-truth.js";
import { duplicateWarning, readListFile } from "./list-file.js";
import { judgementWarnings, unusedKeys, unusedRecordKeys } from "./oddities.js";
import { databaseOf, queriesOf } from "./own-photos.js";
import type { ListMapping, OwnDataset } from "./spec.js";
import type { Dataset } from "./types.js";
import { type Field, readDescription } from "./values.js";

/** @param root data root, in front of image_root and of list files that are found there */
export function readListMapping(spec: ListMapping, root: string): Dataset {
  const pathOf = starPath(resolve(root, spec.image_root));
  const read = (list: string | null) => {
    if (list === null) return { names: [] as string[], warnings: [] as string[], notes: [] as string[] };
    const below = join(root, list);
    const file = kindOfPath(below) === "file" ? below : resolve(list);
    const isThere = (name: string) => kindOfPath(pathOf(name)) === "file";
    const { names, warnings, notes } = readListFile(file, "", isThere);
    return { names, warnings: [...warnings, ...duplicateWarning(names, file, names.map(pathOf))], notes };
  };
  const database = read(spec.database_list);
  const queries = read(spec.query_list);
  if (database.names.length + queries.names.length === 0)
    throw new UsageError("EmptyDataset", `data: ${spec.name}: expected a database_list or a query_list, both are null`);
  return {
    name: spec.name,
    protocol: "old",
    images: database.names.map(pathOf),
    imageNames: database.names,
    queries: queries.names.map((name) => ({ name, path: pathOf(name), box: null })),
    groundTruth: null,
    warnings: [...database.warnings, ...queries.warnings],
    notes: [...database.notes, ...queries.notes],
  };
}

/** A `*` in the last part of the root stands for the name, and so does every other `*`; else the name goes below it. */
function starPath(imageRoot: string): (name: string) => string {
  const last = imageRoot.slice(imageRoot.lastIndexOf("/") + 1);
  if (!last.includes("*")) return (name) => join(imageRoot, name);
  return (name) => imageRoot.replaceAll("*", () => name);
}

/** A pickle {imlist, qimlist, gnd} whose names are complete paths; no boxes, old protocol (datasets.md section 7). */
export function readPathPickle(file: string): Dataset {
  const top = readDescription(file);
  const images = top.at("imlist").strings();
  if (images.length === 0) top.at("imlist").fail("at least one image, got none");
  const queries = top.at("qimlist").strings();
  const gnd = top.at("gnd");
  const judgements = readMatching(gnd, images.length, queries.length);
  const boxed = gnd.list().findIndex((r) => r.has("bbx") && r.at("bbx").value !== null);
  const noBoxes = `${file}: boxes are not used in this form (the first is that of query ${queries[boxed]}); describe the set as {name, gnd} to use them`;
  const said = oddities(top, gnd, judgements, images, queries);
  const dataset: Dataset = {
    name: file,
    images: images.map((p) => resolve(p)),
    imageNames: images,
    queries: queries.map((name) => ({ name, path: resolve(name), box: null })),
    warnings: [
      ...(boxed < 0 ? [] : [noBoxes]),
      ...listWarnings(file, images, images, queries, queries),
      ...said.warnings,
    ],
    notes: said.notes,
    ...grounds(judgements),
  };
  return judgements.protocol === "old" ? withSelfMatches(dataset, judgements.records, file) : dataset;
}

/** @param base folder that relative paths of the description count from */
export function readOwn(spec: OwnDataset, base: string): Dataset {
  const gndFile = spec.gnd === undefined ? undefined : resolve(base, spec.gnd);
  const top = gndFile === undefined ? undefined : readDescription(gndFile);
  const gnd = top && (Array.isArray(top.value) ? top : top.at("gnd"));

  const database = databaseOf(spec, base, top);
  if (database.names.length === 0) throw new UsageError("EmptyDataset", `data: ${spec.name}: the database is empty`);
  const asked = queriesOf(spec, base, top);
  const queryNames = asked.queries.map((q) => q.name);
  const judgements = gnd && readMatching(gnd, database.names.length, queryNames.length);
  const boxes = gnd ? readBoxes(gnd, "each", queryNames) : [];
  // A box written out comes first, and so does a null: the whole photo.
  const queries = asked.queries.map((q, i) => ({ ...q, box: q.box === undefined ? (boxes[i] ?? null) : q.box }));
  const overruled = queries.find((q, i) => boxes[i] && String(boxes[i]) !== String(q.box));
  const said = judgements && top && gnd ? oddities(top, gnd, judgements, database.names, queryNames) : undefined;
  const dataset: Dataset = {
    name: spec.name,
    images: database.paths,
    imageNames: database.names,
    queries,
    warnings: [
      ...database.warnings,
      ...asked.warnings,
      ...(overruled ? [`${gndFile}: the box of query ${overruled.name} is not used, the description has another`] : []),
      ...listWarnings(
        `data set ${spec.name}`,
        database.names,
        database.paths,
        queryNames,
        queries.map((q) => `${q.path} ${q.box}`),
      ),
      ...(said?.warnings ?? []),
    ],
    notes: [...database.notes, ...asked.notes, ...(said?.notes ?? [])],
    ...(judgements ? grounds(judgements) : { protocol: "old", groundTruth: null }),
  };
  return judgements?.protocol === "old" ? withSelfMatches(dataset, judgements.records, gndFile as string) : dataset;
}

function listWarnings(
  where: string,
  images: readonly string[],
  imagePaths: readonly string[],
  queries: readonly string[],
  queryPlaces: readonly string[],
): string[] {
  return [
    ...duplicateWarning(images, `${where}: database`, imagePaths),
    ...duplicateWarning(queries, `${where}: queries`, queryPlaces),
  ];
}

/** What a reader of the ground truth should know. */
function oddities(
  top: Field,
  gnd: Field,
  judgements: Judgements,
  images: readonly string[],
  queries: readonly string[],
): { warnings: string[]; notes: string[] } {
  const file = top === gnd ? { warnings: [], notes: [] } : unusedKeys(top, ["imlist", "qimlist", "gnd"]);
  const records = unusedRecordKeys(gnd, judgements.protocol, queries);
  const odd = judgementWarnings(judgements, { file: top.file, queries, images });
  return { warnings: [...file.warnings, ...records.warnings, ...odd], notes: [...file.notes, ...records.notes] };
}

function readMatching(gnd: Field, images: number, queries: number): Judgements {
  const judgements = readJudgements(gnd, images);
  if (judgements.records.length !== queries)
    gnd.fail(`as many records as there are queries (${queries}), got ${judgements.records.length}`);
  return judgements;
}

function grounds(j: Judgements) {
  if (j.protocol === "revisited") return { protocol: j.protocol, groundTruth: j.records };
  return { protocol: j.protocol, groundTruth: j.records };
}
