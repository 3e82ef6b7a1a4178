/**
 * @file One name, one data set: results, rankings and steps of an experiment lie under the names of data sets, and two sets
 * of one name would overwrite each other. What each name means is kept in `<experiment>/datasets.json`.
 */
import { existsSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../base/atomic.js";
import { UsageError } from "../../base/errors.js";
import { readRegularText } from "../../base/regular-file.js";
import type { DatasetSpec } from "../../data/datasets/load.js";
import { nameProblem } from "../../data/datasets/spec.js";
import { datasetLabel } from "./results.js";
import type { Session } from "./session.js";

/** Where a data set comes from, by key; paths are absolute. */
type Origin = Readonly<Record<string, string>>;

/** Name of a data set for files and messages: a set given as a path is known by its file's name. */
export function labelOf(spec: DatasetSpec): string {
  return datasetLabel({ name: typeof spec === "string" ? spec : spec.name });
}

/**
 * Makes sure that the names of `specs`, and of their indices with distractors, mean these data sets and no others in this
 * experiment, and notes them. Call before the work begins.
 * @param lists data sets that are evaluated by one method each; in one list a name may stand once
 * @throws UsageError for a name that is taken, stands twice, or cannot be that of a file
 */
export function claimNames(session: Session, lists: readonly (readonly DatasetSpec[])[]): void {
  const { folder, log, params } = session;
  const dataFolder = resolve(params.demo_eval.data_folder);
  const distractors = params.evaluation.multistep?.distractors;
  for (const specs of lists) requireOnce(specs.map(labelOf));
  const wanted = new Map<string, [label: string, origin: Origin]>();
  const want = (label: string, origin: Origin) => {
    const problem = nameProblem(label);
    if (problem) throw new UsageError("DatasetName", `data set ${JSON.stringify(label)}: ${problem}`);
    const before = wanted.get(keyOf(label));
    if (before && !same(before[1], origin))
      throw new UsageError(
        "SameName",
        `two data sets are called ${label} (${inWords(before[1])}; ${inWords(origin)}), and their results would be the same files; give one another name`,
      );
    wanted.set(keyOf(label), [label, origin]);
  };
  const namesOnly = params.evaluation.multistep?.step === "build_ivf";
  for (const spec of lists.flat()) {
    // The step that joins chunks knows them by name alone, whatever set they are of.
    if (namesOnly && typeof spec === "string" && !spec.includes("/")) continue;
    want(labelOf(spec), originOf(spec, dataFolder));
    if (!distractors) continue;
    const name = labelOf(distractors);
    if (distractors.includes("/")) want(name, originOf(distractors, dataFolder));
    want(`${name}_${labelOf(spec)}`, { dataset: labelOf(spec), distractors: name });
  }
  const file = join(folder, "datasets.json");
  const known = readNames(file, (line) => log.warn(line));
  for (const [label, origin] of wanted.values()) {
    const other = [...known.keys()].find((name) => keyOf(name) === keyOf(label));
    const before = other === undefined ? undefined : known.get(other);
    if (other === undefined || !before) {
      known.set(label, { folder, origin });
      continue;
    }
    // An experiment that was copied or moved with its data has the same data, where it now is.
    const moved = mapPaths(before.origin, (path) => resolve(folder, relative(before.folder, path)));
    const match = [before.origin, moved].find((o) => agree(o, origin));
    if (!match && isThere(before.origin))
      throw new UsageError(
        "SameName",
        `${folder}: ${other} is another data set here (${inWords(before.origin)}), whose results those of ${label} (${inWords(origin)}) would overwrite; use another name, or another --experiment`,
      );
    if (!match)
      log.note(`${label}: was another data set in this experiment (${inWords(before.origin)}), which is gone`);
    known.delete(other);
    known.set(label, { folder, origin: { ...match, ...origin } });
  }
  writeFileAtomic(file, `${JSON.stringify(Object.fromEntries(known), null, 1)}\n`);
}

function requireOnce(labels: readonly string[]): void {
  const twice = labels.find((label, i) => labels.findIndex((l) => keyOf(l) === keyOf(label)) !== i);
  if (twice !== undefined)
    throw new UsageError(
      "SameName",
      `two data sets are called ${twice}, and their results would be the same files; name each once`,
    );
}

/** Some file systems take names for the same that differ by case, or by how letters with accents are written. */
function keyOf(label: string): string {
  return label.normalize("NFC").toLowerCase();
}

function originOf(spec: DatasetSpec, dataFolder: string): Origin {
  if (typeof spec === "string") return spec.includes("/") ? { pickle: resolve(spec) } : { name: spec };
  if ("image_root" in spec) {
    const { image_root, database_list, query_list } = spec;
    return {
      data_folder: dataFolder,
      image_root,
      ...(database_list && { database_list }),
      ...(query_list && { query_list }),
    };
  }
  const { images, gnd, queries } = spec;
  // Queries that are written out may be edited between two runs of what is still the same set.
  const paths = { images, gnd, queries: typeof queries === "string" ? queries : undefined };
  const given = Object.entries(paths).filter(([, path]) => path !== undefined);
  return Object.fromEntries(given.map(([key, path]) => [key, resolve(path as string)]));
}

function same(a: Origin, b: Origin): boolean {
  const text = (o: Origin) => JSON.stringify(Object.entries(o).sort(([x], [y]) => (x < y ? -1 : 1)));
  return text(a) === text(b);
}

/** The same set, of which one description may say more: judgements may come later. */
function agree(a: Origin, b: Origin): boolean {
  const common = Object.keys(a).filter((key) => Object.hasOwn(b, key));
  return common.length > 0 && common.every((key) => a[key] === b[key]);
}

/** Whether something of a data set is still where it was; one that has no place is taken to be. */
function isThere(origin: Origin): boolean {
  const paths = Object.values(origin).filter((value) => isAbsolute(value));
  return paths.length === 0 || paths.some((path) => existsSync(path));
}

function mapPaths(origin: Origin, change: (path: string) => string): Origin {
  const entries = Object.entries(origin);
  return Object.fromEntries(entries.map(([key, value]) => [key, isAbsolute(value) ? change(value) : value]));
}

function inWords(origin: Origin): string {
  return Object.entries(origin)
    .map(([key, value]) => (key === "name" ? "the public set" : `${key} ${value}`))
    .join(", ");
}

interface Known {
  /** Where the experiment was when the name was noted. */
  readonly folder: string;
  readonly origin: Origin;
}

const fileSchema = z.record(z.string(), z.object({ folder: z.string(), origin: z.record(z.string(), z.string()) }));

/** The file's content. One that cannot be read is as good as none, which is told: it only guards what lies beside it. */
function readNames(file: string, warn: (line: string) => void): Map<string, Known> {
  if (!existsSync(file)) return new Map();
  try {
    return new Map(Object.entries(fileSchema.parse(JSON.parse(readRegularText(file)))));
  } catch {
    warn(`${file}: damaged; what the names of earlier data sets meant is forgotten`);
    return new Map();
  }
}
