/** @file `fire-gpu download NAME…`: data sets and networks onto disk, with progress; Ctrl-C leaves what can be continued. */
import { join } from "node:path";
import { UsageError } from "../base/errors.js";
import {
  type DownloadOptions,
  type DownloadStep,
  download,
  downloadAssets,
  downloadNames,
  requireDownloadNames,
} from "../data/download/download.js";
import { assetOf } from "../data/download/known-assets.js";
import { RECORD_FOLDER } from "../data/download/record.js";
import { lockFolder } from "./evaluate/lock.js";
import { Interrupted, type Progress, type Stage, silent } from "./progress.js";

/** All names with a line about each. */
export const listDownloads = downloadNames;

export interface DownloadTask {
  /** Names of data/download/assets.ts: roxford5k, train, fire, … */
  names: readonly string[];
  /** Data root. */
  root: string;
  /** Base addresses asked before the original ones; default $FIRE_GPU_MIRROR. */
  mirrors?: readonly string[];
  signal?: AbortSignal;
  progress?: Progress;
}

/**
 * Downloads each name in turn. Stages count bytes; a server that does not say how many has a total of 0.
 * @throws Interrupted when the signal was given, UsageError Locked while another process downloads into the same root, else
 *   what {@link download} throws.
 */
export async function runDownload({ names, ...task }: DownloadTask): Promise<void> {
  // a slip in the last name is told before hours of the first
  requireDownloadNames(names);
  await watched(task, async (options) => {
    for (const name of names) await download(name, options);
  });
}

/**
 * Downloads one address to `path` below the root, unless a file is there. Progress and errors as {@link runDownload}.
 */
export async function runDownloadUrl(url: string, path: string, task: Omit<DownloadTask, "names">): Promise<void> {
  await watched(task, (options) => downloadAssets([assetOf(url, path)], options));
}

async function watched(
  { root, mirrors, signal, progress = silent }: Omit<DownloadTask, "names">,
  run: (options: DownloadOptions) => Promise<void>,
): Promise<void> {
  if (root === "") throw new UsageError("EmptyPath", "the data folder has no name; expected a folder (--data-folder)");
  const bar = new ByteStages(progress);
  let release: (() => void) | undefined;
  try {
    await run({
      root,
      mirrors,
      signal,
      claim: () => {
        release ??= lockFolder(join(root, RECORD_FOLDER));
      },
      onProgress: (step, done, total) => bar.at(step, done, total),
      onNote: (line) => progress.note(line),
      onWarn: (line) => progress.warn(line),
    });
  } catch (e) {
    if (signal?.aborted) throw new Interrupted("interrupted; run the same command again to continue the download");
    throw e;
  } finally {
    release?.();
    bar.end();
  }
}

/** Turns absolute byte counts into the steps forward that a stage wants. */
class ByteStages {
  private current: { step: string; total: number; done: number; stage: Stage } | undefined;

  constructor(private readonly progress: Progress) {}

  at({ action, file }: DownloadStep, done: number, total: number | null): void {
    const step = `${action} ${file}`;
    // A download that starts over counts from the start again.
    if (this.current?.step !== step || this.current.total !== (total ?? 0) || done < this.current.done) {
      this.end();
      this.current = { step, total: total ?? 0, done, stage: this.progress.stage(step, total ?? 0, done, "bytes") };
    }
    this.current.stage.advance(done - this.current.done);
    this.current.done = done;
  }

  end(): void {
    this.current?.stage.end();
    this.current = undefined;
  }
}
