/** @file Data sets that a user describes: HOW's mapping of list files, a pickle of full paths, and folders with a gnd file. */
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../../base/errors.js";
import type { Box } from "../resize.js";
import { withSelfMatches } from "./benchmarks.js";
import { isFolder, listImages, resolveNames } from "./folder.js";
import { type Judgements, judgementWarnings, readBoxes, readJudgements } from "./ground-truth.js";
import { duplicateWarning, readListFile } from "./list-file.js";
import type { Dataset, DatasetQuery } from "./types.js";
import { type Field, readDescription } from "./values.js";

/** HOW's form: list files of names below `image_root`, which may hold a `*` for the name; null for an absent list. */
export interface ListMapping {
  readonly name: string;
  readonly image_root: string;
  readonly database_list: string | null;
  readonly query_list: string | null;
}

/** The user's own form. Relative paths count from the file that says it (`base` of loadDataset). */
export interface OwnDataset {
  readonly name: string;
  /** A folder of images, or a list file; may be left out when `gnd` has an imlist. */
  readonly images?: string;
  /** gnd.json or .pkl: {imlist, qimlist, gnd}, or a bare list of records. */
  readonly gnd?: string;
  /** A folder, a list file, or the queries themselves; may be left out when `gnd` has a qimlist. */
  readonly queries?: string | readonly { readonly image: string; readonly box?: Box | null }[];
}

/** @param root data root, in front of image_root and of list files that are found there */
export function readListMapping(spec: ListMapping, root: string): Dataset {
  const read = (list: string | null) => {
    if (list === null) return { names: [] as string[], warnings: [] as string[] };
    const below = join(root, list);
    const file = existsSync(below) ? below : resolve(list);
    const names = readListFile(file);
    return { names, warnings: duplicateWarning(names, file) };
  };
  const database = read(spec.database_list);
  const queries = read(spec.query_list);
  if (database.names.length + queries.names.length === 0)
    throw new UsageError("EmptyDataset", `data: ${spec.name}: expected a database_list or a query_list, both are null`);
  const pathOf = starPath(resolve(root, spec.image_root));
  return {
    name: spec.name,
    protocol: "old",
    images: database.names.map(pathOf),
    imageNames: database.names,
    queries: queries.names.map((name) => ({ name, path: pathOf(name), box: null })),
    groundTruth: null,
    warnings: database.warnings,
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
  const judgements = readMatching(top.at("gnd"), images.length, queries.length);
  const dataset: Dataset = {
    name: file,
    images: images.map((p) => resolve(p)),
    imageNames: images,
    queries: queries.map((name) => ({ name, path: resolve(name), box: null })),
    warnings: [...duplicateWarning(images, file), ...judgementWarnings(judgements, file)],
    ...grounds(judgements),
  };
  return judgements.protocol === "old" ? withSelfMatches(dataset, judgements.records, file) : dataset;
}

/** @param base folder that relative paths of the description count from */
export function readOwn(spec: OwnDataset, base: string): Dataset {
  const imagesAt = spec.images === undefined ? undefined : resolve(base, spec.images);
  const gndFile = spec.gnd === undefined ? undefined : resolve(base, spec.gnd);
  const top = gndFile === undefined ? undefined : readDescription(gndFile);
  const gnd = top && (Array.isArray(top.value) ? top : top.at("gnd"));
  const folders = [imagesAt && isFolder(imagesAt) ? imagesAt : undefined, gndFile && dirname(gndFile)].filter(
    (f) => f !== undefined,
  );

  const listed = top && !Array.isArray(top.value) && top.has("imlist") ? top.at("imlist").strings() : undefined;
  const database = listed ? named(listed, folders) : namesAt(imagesAt, `data: ${spec.name}: no images`);
  if (database.names.length === 0) throw new UsageError("EmptyDataset", `data: ${spec.name}: the database is empty`);

  const asked = queriesOf(spec, base, top, folders);
  const judgements = gnd && readMatching(gnd, database.names.length, asked.length);
  const boxes = gnd && readBoxes(gnd);
  const dataset: Dataset = {
    name: spec.name,
    images: database.paths,
    imageNames: database.names,
    queries: asked.map((q, i) => ({ ...q, box: q.box ?? boxes?.[i] ?? null })),
    warnings: [
      ...duplicateWarning(database.names, `data set ${spec.name}`),
      ...(judgements ? judgementWarnings(judgements, gndFile as string) : []),
    ],
    ...(judgements ? grounds(judgements) : { protocol: "old", groundTruth: null }),
  };
  return judgements?.protocol === "old" ? withSelfMatches(dataset, judgements.records, gndFile as string) : dataset;
}

function queriesOf(spec: OwnDataset, base: string, top: Field | undefined, folders: string[]): DatasetQuery[] {
  const whole = (n: NamedPaths) => n.names.map((name, i) => ({ name, path: n.paths[i], box: null }));
  const listed = top && !Array.isArray(top.value) && top.has("qimlist") ? top.at("qimlist").strings() : undefined;
  if (typeof spec.queries === "string") {
    const at = resolve(base, spec.queries);
    // A folder only says where the photos of an existing list are.
    if (listed && isFolder(at)) return whole(named(listed, [at, ...folders]));
    return whole(namesAt(at, ""));
  }
  if (spec.queries) {
    const paths = resolveNames(
      spec.queries.map((q) => q.image),
      [base, ...folders],
    );
    return spec.queries.map((q, i) => ({ name: q.image, path: paths[i], box: q.box ?? null }));
  }
  return listed ? whole(named(listed, folders)) : [];
}

interface NamedPaths {
  readonly names: string[];
  readonly paths: string[];
}

function named(names: string[], folders: string[]): NamedPaths {
  return { names, paths: resolveNames(names, folders) };
}

/** All images of a folder, or the names of a list file relative to the file's folder. */
function namesAt(at: string | undefined, missing: string): NamedPaths {
  if (at === undefined)
    throw new UsageError("EmptyDataset", `${missing}: expected images: FOLDER or LIST, or a gnd with an imlist`);
  if (isFolder(at)) {
    const names = listImages(at);
    return { names, paths: names.map((n) => join(at, n)) };
  }
  return named(readListFile(at), [dirname(at)]);
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
