/** @file Which photos a user's own description means: its database and its queries, before anybody has judged them. */
import { basename, dirname, join, resolve } from "node:path";
import { MissingDataError, UsageError } from "../../base/errors.js";
import { kindOfPath } from "../../base/regular-file.js";
import { isFolder, scanFolder } from "./folder.js";
import { readListFile } from "./list-file.js";
import { isThereAsWritten, type NameBase, resolveNames, withoutImageExtension } from "./photo-names.js";
import type { OwnDataset } from "./spec.js";
import type { DatasetQuery } from "./types.js";
import type { Field } from "./values.js";

/** What was said while lists were read. */
interface Said {
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}
const nothing: Said = { warnings: [], notes: [] };

interface Listed extends Said {
  readonly names: string[];
  readonly paths: string[];
}

/** A query whose description may say nothing of a box: then the ground truth says it. */
type AskedQuery = Omit<DatasetQuery, "box"> & { readonly box?: DatasetQuery["box"] };

interface Asked extends Said {
  readonly queries: AskedQuery[];
}

/**
 * The photos of `images`, or those of the ground truth's imlist.
 * @param base folder that paths of the description count from @param top the ground truth file
 * @throws UsageError, MissingDataError, FileFormatError
 */
export function databaseOf({ name, images }: OwnDataset, base: string, top: Field | undefined): Listed {
  const imlist = listOf(top, "imlist");
  if (images !== undefined) return photosAt(resolve(base, images), imlist, top, `${name}: images`);
  if (imlist && top) return placed(imlist, [dirname(top.file)]);
  const expected = "expected images: FOLDER or LIST, or a gnd with an imlist";
  throw new UsageError("EmptyDataset", `data: ${name}: no images: ${expected}`);
}

/** The photos of `queries`, or those of the ground truth's qimlist. Parameters and errors as {@link databaseOf}. */
export function queriesOf({ name, images, queries }: OwnDataset, base: string, top: Field | undefined): Asked {
  const whole = ({ names, paths, warnings, notes }: Listed): Asked => ({
    queries: names.map((n, i) => ({ name: n, path: paths[i] })),
    warnings,
    notes,
  });
  const qimlist = listOf(top, "qimlist");
  if (queries === undefined) {
    if (!qimlist || !top) return { queries: [], ...nothing };
    const folder = images && resolve(base, images);
    return whole(placed(qimlist, [...(folder && isFolder(folder) ? [folder] : []), dirname(top.file)]));
  }
  if (typeof queries === "string") return whole(photosAt(resolve(base, queries), qimlist, top, `${name}: queries`));
  const names = queries.map((q) => q.image);
  if (qimlist && top) requireAgreement(names, qimlist, `${name}: queries`, top.file);
  const paths = resolveNames(names, [base]);
  return { queries: queries.map(({ image, box }, i) => ({ name: image, path: paths[i], box })), ...nothing };
}

/**
 * Photos of a folder or a list file. `known` are the names of the ground truth, whose order its records count in: of a
 * folder they are the photos, and a list must agree with them.
 */
function photosAt(at: string, known: string[] | undefined, top: Field | undefined, what: string): Listed {
  const kind = kindOfPath(at);
  if (kind === undefined)
    throw new MissingDataError("ImagesMissing", `data: ${what}: ${at}: no such folder or list of photos`);
  if (kind === "folder") {
    // Names of the ground truth count from the folder, or from the ground truth's own if they lead into the folder.
    if (known && top) return placed(known, [at, { folder: dirname(top.file), within: at }]);
    const { names, warnings, notes } = scanFolder(at);
    return { names, paths: names.map((n) => join(at, n)), warnings, notes };
  }
  const folder = dirname(at);
  const { names, warnings, notes } = readListFile(at, "", isThereAsWritten([folder]));
  if (known && top) requireAgreement(names, known, what, top.file);
  return { names: known ?? names, paths: resolveNames(names, [folder]), warnings, notes };
}

function placed(names: string[], bases: (string | NameBase)[]): Listed {
  return { names, paths: resolveNames(names, bases), ...nothing };
}

/** @throws UsageError where two lists of the same photos differ by more than folders and endings */
function requireAgreement(names: readonly string[], known: readonly string[], what: string, gnd: string): void {
  const plain = (name: string | undefined) => name && withoutImageExtension(basename(name));
  const differ = (names.length > known.length ? names : known).findIndex((_, i) => plain(names[i]) !== plain(known[i]));
  if (differ < 0) return;
  throw new UsageError(
    "ListsDiffer",
    `data: ${what}: entry ${differ} is ${names[differ] ?? "missing"}, in ${gnd} it is ${known[differ] ?? "missing"}; the records count in one order: leave one of the two out`,
  );
}

function listOf(top: Field | undefined, key: string): string[] | undefined {
  return top && !Array.isArray(top.value) && top.has(key) ? top.at(key).strings() : undefined;
}
