/**
 * @file Outputs that a user names are claimed before the work begins: whether they can be written is found out then, and
 * nothing is replaced that this program did not write itself, unless the user says so with `--force`.
 *
 * What the program wrote is known by its content, so that a command may be run again: a page says so in its head, features
 * in their metadata, an experiment in the first line of its parameters or its log. An input is never replaced, whatever
 * name or link leads to it.
 */
import { type BigIntStats, readdirSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { AtomicFile } from "../base/atomic.js";
import { UsageError } from "../base/errors.js";
import { systemPath } from "../base/path-bytes.js";
import { readHead } from "../base/regular-file.js";
import { asWriteError } from "../base/system-error.js";

/** Enough of a file to see who wrote it. */
const HEAD_BYTES = 4096;

/** A file that a user names for writing. */
export interface OutputFile {
  /** For messages: `--out`, or `convert: TO`. */
  readonly option: string;
  readonly file: string;
  /** What it may replace: a file that this kind of output wrote. Left out, nothing. @throws is taken for false */
  readonly isOwn?: (file: string) => boolean;
  /** Replace whatever file is there, but for an input. */
  readonly force?: boolean;
  /** Inputs that are known now; of others {@link ClaimedOutput.mustDifferFrom} is told. */
  readonly inputs?: readonly string[];
}

/** A file that may be written. */
export class ClaimedOutput {
  private readonly stats: BigIntStats | undefined;

  constructor(
    private readonly option: string,
    private readonly file: string,
  ) {
    this.stats = statsOf(file);
  }

  /** @throws UsageError SameFile when one of `paths` is the same file, by its name, a link, or a second name on the disk */
  mustDifferFrom(paths: Iterable<string>): void {
    if (!this.stats) return;
    for (const path of paths) {
      const other = anyStats(path);
      if (other && other.ino === this.stats.ino && other.dev === this.stats.dev)
        throw new UsageError(
          "SameFile",
          `${this.option} ${this.file}: would replace ${path}, which is an input; give another name`,
        );
    }
  }
}

/**
 * Makes sure that a file can be written, and makes its folder. Nothing is written.
 * @throws UsageError for an empty name, a folder, a file of others; WriteError for a place that cannot be written
 */
export function claimOutput({ option, file, isOwn, force = false, inputs = [] }: OutputFile): ClaimedOutput {
  if (file.trim() === "") throw new UsageError("EmptyName", `${option}: expected the name of a file, got "${file}"`);
  const stats = statsOf(file);
  if (stats?.isDirectory() || file.endsWith("/") || file.endsWith(sep))
    throw new UsageError("IsFolder", `${option} ${file}: expected the name of a file, got a folder; add a name to it`);
  if (stats && !stats.isFile())
    throw new UsageError("NoRegularFile", `${option} ${file}: expected a regular file, got a device, FIFO or socket`);
  const claimed = new ClaimedOutput(option, file);
  claimed.mustDifferFrom(inputs);
  if (stats && !force && !isOwnFile(file, isOwn))
    throw new UsageError(
      "Exists",
      `${option} ${file}: exists and was not written by this command; give another name, or replace it with --force`,
    );
  // The only way to know that a place can be written is to write there.
  new AtomicFile(file).abort();
  return claimed;
}

function isOwnFile(file: string, isOwn: OutputFile["isOwn"]): boolean {
  try {
    return isOwn?.(file) ?? false;
  } catch {
    return false;
  }
}

/** Undefined when nothing is there. @throws WriteError when the name cannot be one */
function statsOf(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    throw asWriteError(file, cause);
  }
}

/** Undefined also for what cannot be looked at: whoever reads it says why. */
function anyStats(path: string): BigIntStats | undefined {
  try {
    return statSync(systemPath(path), { bigint: true });
  } catch {
    return undefined;
  }
}

/** A folder of outputs with fixed names. */
export interface OutputFolder {
  /** For messages: what the folder is called and who named it. */
  readonly option: string;
  readonly folder: string;
  /** The files in it that would be replaced, as paths below it. */
  readonly replaces: RegExp;
  /** Whether an earlier run made the folder. */
  readonly isOwn: (folder: string) => boolean;
  readonly force?: boolean;
}

/**
 * Makes sure that a folder is this program's, or holds nothing that would be replaced.
 * @throws UsageError for an empty name, a file, a folder with files of others
 */
export function claimFolder({ option, folder, replaces, isOwn, force = false }: OutputFolder): void {
  if (folder.trim() === "")
    throw new UsageError("EmptyName", `${option}: expected the name of a folder, got "${folder}"`);
  const stats = statsOf(folder);
  if (!stats) return;
  if (!stats.isDirectory()) throw new UsageError("NoFolder", `${option} ${folder}: expected a folder, got a file`);
  if (force || isOwn(folder)) return;
  const other = namesBelow(folder).find((name) => replaces.test(name));
  if (other !== undefined)
    throw new UsageError(
      "Exists",
      `${option} ${folder}: ${other} is there and was not written by this command; use another folder, or replace it with --force`,
    );
}

/** Names of the folder and of its sub-folders, with `/` between. */
function namesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.flatMap((entry) =>
    entry.isDirectory()
      ? [entry.name, ...readdirSync(join(folder, entry.name)).map((name) => `${entry.name}/${name}`)]
      : [entry.name],
  );
}

/** The first line of the files that keep a run's parameters. */
export const WRITTEN_HERE = "# written by fire-gpu\n";

/** What an evaluation or training replaces in the folder of its experiment. */
const OF_EXPERIMENTS =
  /^(eval_params\.yml|train_params\.yml|results\.json|datasets\.json|metrics\.jsonl|curves\.html|train_state\.pth|epochs\/model_.*\.pth|.*_queries\.pkl)$/;

/** Claims the folder of an experiment. @throws as {@link claimFolder} */
export function claimExperiment(folder: string, force?: boolean): void {
  claimFolder({ option: "experiment", folder, replaces: OF_EXPERIMENTS, isOwn: isExperiment, force });
}

function isExperiment(folder: string): boolean {
  const begins = (name: string, pattern: RegExp) =>
    isOwnFile(join(folder, name), (file) => pattern.test(readHead(file, HEAD_BYTES).toString("utf8")));
  const params = new RegExp(`^${WRITTEN_HERE}`);
  const log = /^[^\n]* fire-gpu (INFO|WARNING|DEBUG): /;
  return ["eval", "train"].some((kind) => begins(`${kind}_params.yml`, params) || begins(`${kind}.log`, log));
}

/** In the head of pages, so that they are known again. */
export const GENERATOR = '<meta name="generator" content="fire-gpu">';

/** Whether a page is this program's. */
export function isOwnPage(file: string): boolean {
  return readHead(file, HEAD_BYTES).includes(GENERATOR);
}
