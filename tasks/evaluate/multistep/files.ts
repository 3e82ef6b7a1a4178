/**
 * @file The files of a multistep evaluation below `<experiment>/eval/`, by the reference's names (how.md §4.4), so that
 * steps of both programs may be mixed. On Windows a file name cannot hold the ":" of partitions; there it is "-".
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { MissingDataError, UsageError } from "../../../base/errors.js";

/** Part `index`, counted from 0, of `total`. */
export interface Partition {
  readonly total: number;
  readonly index: number;
}

/** Between a name and its partition. */
const MARK = process.platform === "win32" ? "-" : ":";

/** `10_03`: what follows the mark; the index is padded so that names sort by number. */
export function partitionName({ total, index }: Partition): string {
  return `${total}_${String(index).padStart(String(total - 1).length, "0")}`;
}

/**
 * The items [begin, end) of a partition; all without one.
 * @throws UsageError when there are more partitions than items: some would be empty
 */
export function partitionRange(count: number, partition: Partition | null, what: string): [number, number] {
  if (!partition) return [0, count];
  const { total, index } = partition;
  if (total > count) {
    throw new UsageError(
      "EmptyPartition",
      `--partition ${partitionName(partition)}: ${what} has ${count} items; use at most ${count} partitions`,
    );
  }
  return [Math.floor((count * index) / total), Math.floor((count * (index + 1)) / total)];
}

/** File names; `full` is the data set's name, with distractors `<distractors>_<data set>`. */
export class StepFiles {
  readonly folder: string;
  readonly codebook: string;

  constructor(experiment: string) {
    this.folder = join(experiment, "eval");
    this.codebook = join(this.folder, "codebook.pkl");
  }

  chunk(dataset: string, partition: Partition | null): string {
    return join(this.folder, `${dataset}.agg${suffix(partition)}.pkl`);
  }

  results(full: string, partition: Partition | null): string {
    return join(this.folder, `${full}.results${suffix(partition)}.pkl`);
  }

  /** The index in the reference's form, and in ours where it is too large for that. */
  index(full: string, own = false): string {
    return join(this.folder, `${full}.ivf${own ? ".index" : ".pkl"}`);
  }

  /** The index that is there, in either form. */
  presentIndex(full: string): string | undefined {
    return [this.index(full), this.index(full, true)].find((file) => existsSync(file));
  }

  /**
   * The chunks of a data set in the order of their images; none when there are none.
   * @throws UsageError when files of different divisions lie together, MissingDataError when partitions are missing
   */
  chunks(dataset: string): string[] {
    const found = partitionsAt(this.folder, `${dataset}.agg`);
    if (found.length === 0) return [];
    const totals = [...new Set(found.map((p) => p?.total ?? 0))];
    if (totals.length > 1) {
      const names = found.map((p) => `${dataset}.agg${suffix(p)}.pkl`);
      throw new UsageError(
        "MixedChunks",
        `${this.folder}: ${dataset} is there in different divisions (${shorten(names)}), which would index images twice; keep the files of one division and delete the others`,
      );
    }
    const missing = missingPartitions(found);
    if (missing.length > 0) {
      throw new MissingDataError(
        "MissingChunks",
        `${this.folder}: ${missing.length} of ${totals[0]} chunks of ${dataset} are missing; run --step aggregate_database --partition ${partitionName(missing[0])}${missing.length > 1 ? " and others" : ""}`,
      );
    }
    return found.map((p) => this.chunk(dataset, p));
  }

  /** Partitions of `total` whose results are not there. */
  missingResults(full: string, total: number): Partition[] {
    return allOf(total).filter((p) => !existsSync(this.results(full, p)));
  }
}

/** All partitions of a division. */
export function allOf(total: number): Partition[] {
  return Array.from({ length: total }, (_, index) => ({ total, index }));
}

function suffix(partition: Partition | null): string {
  return partition ? MARK + partitionName(partition) : "";
}

/** Which `<stem>.pkl` and `<stem>:total_index.pkl` there are, the one without a partition (null) first, then by number. */
function partitionsAt(folder: string, stem: string): (Partition | null)[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder).flatMap((name): (Partition | null)[] => {
    // Exactly this data set: the names of others may begin alike.
    if (!name.startsWith(stem)) return [];
    const match = /^(?:[:-](\d+)_(\d+))?\.pkl$/.exec(name.slice(stem.length));
    if (!match) return [];
    return [match[1] === undefined ? null : { total: Number(match[1]), index: Number(match[2]) }];
  });
  return found.sort((a, b) => (a?.total ?? 0) - (b?.total ?? 0) || (a?.index ?? 0) - (b?.index ?? 0));
}

function missingPartitions(found: readonly (Partition | null)[]): Partition[] {
  const total = found[0]?.total;
  if (total === undefined) return [];
  return allOf(total).filter(({ index }) => !found.some((p) => p?.index === index));
}

function shorten(names: readonly string[]): string {
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")}, … ${names.length} files`;
}
