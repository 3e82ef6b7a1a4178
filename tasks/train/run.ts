/** @file `fire-gpu train` without its command line: from a configuration file to a trained network on disk. */

import { existsSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import { anything, checkOptions, flag, oneOf, type Rule, text } from "../../base/check.js";
import { makeFolder } from "../../base/folders.js";
import { packageRoot } from "../../base/paths.js";
import { ImageLoader } from "../../data/loader.js";
import { tellIgnored } from "../config/ignored.js";
import { loadTrainConfig } from "../config/load.js";
import type { Override } from "../config/override.js";
import { withAbsoluteTrainPaths } from "../config/paths.js";
import { writeYaml } from "../config/yaml.js";
import { EvalLog } from "../evaluate/eval-log.js";
import { lockFolder } from "../evaluate/lock.js";
import { wholePhotos } from "../evaluate/photos.js";
import { warnOfSmallImages } from "../image-size.js";
import { claimExperiment, WRITTEN_HERE } from "../outputs.js";
import { type Progress, progressRule } from "../progress.js";
import { type OnError, SkipList, type SkippedPhoto } from "../skips.js";
import { type Estimate, estimate } from "./estimate.js";
import type { Decision, History } from "./history.js";
import { openRun, trainAll } from "./loop.js";
import type { TrainSession } from "./session.js";
import { trainSettings } from "./settings.js";
import { openTrainingSet } from "./training-set.js";
import type { TrainTools } from "./workbench.js";

export interface TrainOptions {
  /** A file, or the name of a bundled one. */
  readonly config: string;
  readonly overrides?: readonly Override[];
  /** Whether photos that cannot be used are left out, with their tuples (default), or end the run. */
  readonly onError?: OnError;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  /** Measure one tuple and say what an epoch would need; nothing is trained or written. */
  readonly dryRun?: boolean;
  /** Replace files in the experiment's folder that this program did not write. */
  readonly force?: boolean;
}

const OPTIONS = {
  config: text,
  overrides: anything,
  onError: oneOf("skip", "stop"),
  progress: progressRule,
  signal: anything,
  dryRun: flag,
  force: flag,
} as const satisfies { readonly [K in keyof TrainOptions]-?: Rule };

/** What a training came to. */
export interface TrainResult {
  readonly experiment: string;
  readonly folder: string;
  readonly epochs: number;
  /** True when the last epoch's checkpoint was there already. */
  readonly alreadyTrained: boolean;
  readonly best: Decision | null;
  readonly history: History | null;
  readonly estimate: Estimate | null;
  /** Photos that could not be used. */
  readonly skipped: readonly SkippedPhoto[];
}

/** Photos that a dry run makes sure of: enough to notice a missing archive, few enough for a slow disk. */
const LOOKED_FOR = 2000;

/**
 * Trains. Writes `train.log`, `train_params.yml`, `metrics.jsonl`, `curves.html`, `<data set>_queries.pkl` and
 * `epochs/model_best.pth`, `epochs/model_epoch<N>.pth` into the experiment's folder, and `train_state.pth`, from which the
 * same command continues after a kill, bit for bit.
 * @throws FireGpuError of every class; Interrupted after the signal
 */
export async function runTraining(options: TrainOptions, tools: TrainTools): Promise<TrainResult> {
  checkOptions("runTraining", options, OPTIONS, ["config", "progress"]);
  const { file, experiment, params: read } = loadTrainConfig(options.config, options.overrides);
  const bundled = resolve(file).startsWith(join(packageRoot(), "configs") + sep);
  const params = withAbsoluteTrainPaths(read.family === "fire" ? read.fire : read.how, bundled ? "." : dirname(file));
  const settings = trainSettings(params);
  const { data_folder, exp_folder, gpu_id } = params.demo_train;
  const root = resolve(data_folder);
  const folder = resolve(exp_folder, experiment);
  const result = {
    experiment,
    folder,
    epochs: settings.epochs,
    best: null,
    history: null,
    estimate: null,
    alreadyTrained: false,
    skipped: [],
  };
  const { progress, signal, dryRun = false } = options;

  if (!dryRun && existsSync(join(folder, "epochs", `model_epoch${settings.epochs}.pth`))) {
    new EvalLog(join(folder, "train.log"), progress).note("Skipping network training, already trained");
    return { ...result, alreadyTrained: true };
  }
  if (!dryRun) claimExperiment(folder, options.force);
  tellIgnored(progress, params.validation.local_descriptor.asmk, "validation.local_descriptor.asmk");
  warnOfSmallImages(progress, params.training.dataset.imsize, "training.dataset.imsize");
  warnOfSmallImages(progress, settings.runtime.image_size, "model.runtime.image_size");
  const onError = options.onError ?? "skip";
  const most = dryRun ? LOOKED_FOR : undefined;
  const { lookedFor, ...set } = await openTrainingSet(params.training.dataset, root, onError, most);
  const skips = new SkipList(onError, ({ file, reason }) =>
    progress.warn(`${file}: ${reason}; it is skipped, and tuples with it`),
  );
  await skips.lookAt(wholePhotos(set.images), set.name, progress, signal, most);
  const loader = new ImageLoader({ onNotice: (line) => progress.warn(line) });
  const bench = await tools.open(gpu_id);
  try {
    const parts = { settings, root, folder, set, bench, loader, skips, signal };
    if (dryRun) return { ...result, estimate: await estimate({ ...parts, progress, lookedFor }), skipped: skips.list };
    const unlock = lockFolder(folder);
    try {
      makeFolder(join(folder, "epochs"));
      const log = new EvalLog(join(folder, "train.log"), progress);
      writeFileAtomic(join(folder, "train_params.yml"), WRITTEN_HERE + writeYaml(params));
      for (const warning of set.warnings) log.warn(warning);
      log.note(
        `${settings.kind} ${settings.net.architecture} on ${set.images.length} images of ${set.name}, on ${bench.device}`,
      );
      const session: TrainSession = { ...parts, log };
      const run = await openRun(session, tools.download);
      try {
        const best = await trainAll(session, run);
        skips.report(log);
        return { ...result, best, history: run.state.history, skipped: skips.list };
      } finally {
        run.trainer.destroy();
      }
    } finally {
      unlock();
    }
  } finally {
    await bench.close();
    await loader.close();
  }
}
