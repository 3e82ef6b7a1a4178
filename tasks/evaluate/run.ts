/** @file `fire-gpu eval` without its command line: from a configuration file to results on disk and in memory. */

import { dirname, join, resolve, sep } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import { anything, callable, checkOptions, flag, oneOf, type Rule, text } from "../../base/check.js";
import { makeFolder } from "../../base/folders.js";
import { sha256File } from "../../base/hash.js";
import { packageRoot } from "../../base/paths.js";
import { type DatasetSpec, loadDataset } from "../../data/datasets/load.js";
import { ImageLoader } from "../../data/loader.js";
import { mib } from "../../engine/memory.js";
import type { EvalParams } from "../config/eval-schema.js";
import { tellIgnored } from "../config/ignored.js";
import { loadEvalConfig } from "../config/load.js";
import type { Override } from "../config/override.js";
import { withAbsolutePaths } from "../config/paths.js";
import { writeYaml } from "../config/yaml.js";
import { warnOfSmallImages } from "../image-size.js";
import { modelIdentity, type OpenModel } from "../open-model.js";
import { type ClaimedOutput, claimExperiment, WRITTEN_HERE } from "../outputs.js";
import { type Progress, progressRule } from "../progress.js";
import { type OnError, SkipList } from "../skips.js";
import { EvalLog } from "./eval-log.js";
import { evaluate } from "./evaluate.js";
import { type Download, findModel } from "./model-file.js";
import { type EvalResult, resultJson } from "./results.js";
import type { OnRanked } from "./session.js";

/** What an evaluation needs from outside; tests bring a small network of their own. */
export interface EvalTools {
  openModel(checkpoint: string, gpuId: number | null): Promise<OpenModel>;
  readonly download: Download;
}

export interface EvalOptions {
  /** A file, or the name of a bundled one. */
  readonly config: string;
  readonly overrides?: readonly Override[];
  /** Whether photos that cannot be used end the run (default: scores of a data set are those of all its photos), or are left out. */
  readonly onError?: OnError;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
  readonly onRanked?: OnRanked;
  /** Is told the result before its files are written: what was found is not lost on a disk that is full. */
  readonly onResult?: (result: EvalResult) => void;
  /** Replace files in the experiment's folder that this program did not write. */
  readonly force?: boolean;
  /** Outputs of the caller: none of the inputs may be one of them. */
  readonly outputs?: readonly ClaimedOutput[];
}

const OPTIONS = {
  config: text,
  overrides: anything,
  onError: oneOf("skip", "stop"),
  progress: progressRule,
  signal: anything,
  onRanked: callable,
  onResult: callable,
  force: flag,
  outputs: anything,
} as const satisfies { readonly [K in keyof EvalOptions]-?: Rule };

/**
 * Evaluates. Writes `eval.log`, `eval_params.yml`, `<data set>_queries.pkl` and `results.json` into the experiment's
 * folder, and keeps features and codebook in its `cache/`, where the next run, or one after a kill, finds them.
 * @throws FireGpuError of every class; Interrupted after the signal
 */
export async function runEvaluation(options: EvalOptions, tools: EvalTools): Promise<EvalResult> {
  checkOptions("runEvaluation", options, OPTIONS, ["config", "progress"]);
  const { file, experiment, params: read } = loadEvalConfig(options.config, options.overrides);
  const bundled = resolve(file).startsWith(join(packageRoot(), "configs") + sep);
  const params = withAbsolutePaths(read, bundled ? "." : dirname(file));
  const { data_folder, exp_folder, net_path, gpu_id } = params.demo_eval;
  const root = resolve(data_folder);
  const folder = resolve(exp_folder, experiment);
  claimExperiment(folder, options.force);
  const spare = (inputs: readonly string[]) => {
    for (const output of options.outputs ?? []) output.mustDifferFrom(inputs);
  };
  spare([file, ...namedFiles(params)]);
  makeFolder(folder);
  const log = new EvalLog(join(folder, "eval.log"), options.progress);
  writeFileAtomic(join(folder, "eval_params.yml"), WRITTEN_HERE + writeYaml(params));
  tellIgnored(log, params.evaluation.local_descriptor.asmk, "evaluation.local_descriptor.asmk");
  warnOfSmallImages(log, params.evaluation.inference.image_size, "evaluation.inference.image_size");

  const checkpoint = await findModel(net_path, { data: root, experiments: resolve(exp_folder) }, tools.download);
  spare([checkpoint]);
  const sha256 = await sha256File(checkpoint);
  const loader = new ImageLoader({ onNotice: (line) => log.warn(line) });
  try {
    const opened = await tools.openModel(checkpoint, gpu_id);
    try {
      const { network, backend, device, notice } = opened;
      if (notice) log.note(notice);
      log.note(`${network.kind} ${network.architecture} from ${checkpoint} on ${device}`);
      const skips = new SkipList(options.onError ?? "stop");
      const store = { folder: join(folder, "cache"), loader, progress: log, skips, signal: options.signal };
      const begin = performance.now();
      const results = await evaluate({
        params,
        folder,
        model: { network, sha256: modelIdentity(sha256, opened) },
        store,
        log,
        backend,
        dataset: async (spec, checkFiles) => {
          const dataset = await loadDataset(spec, { root, checkFiles });
          spare([...dataset.images, ...dataset.queries.map((query) => query.path)]);
          return dataset;
        },
        onRanked: options.onRanked,
        signal: options.signal,
      });
      log.note(whatItTook(performance.now() - begin, opened.peakBytes?.()));
      const model = { file: checkpoint, sha256, kind: network.kind, architecture: network.architecture };
      const result: EvalResult = { experiment, folder, model, device, results, skipped: skips.list };
      options.onResult?.(result);
      skips.report(log);
      // Most steps of a multistep evaluation have no results, and must not hide those of an earlier run.
      if (results.length > 0 || !params.evaluation.multistep) {
        writeFileAtomic(join(folder, "results.json"), `${JSON.stringify(resultJson(result), null, 1)}\n`);
      }
      return result;
    } finally {
      await opened.close();
    }
  } finally {
    await loader.close();
  }
}

/** Files that the parameters name, besides the model. */
function namedFiles({ evaluation }: EvalParams): string[] {
  const { global_descriptor, local_descriptor } = evaluation;
  const { datasets, codebook, codebook_training } = local_descriptor;
  const specs: DatasetSpec[] = [...global_descriptor.datasets, ...datasets, codebook_training.dataset];
  return [codebook, ...specs.flatMap((spec) => Object.values(typeof spec === "string" ? { spec } : spec))].filter(
    (value) => typeof value === "string",
  );
}

/** One line on time and memory; not in the results, which are the same whenever they are computed. */
function whatItTook(ms: number, deviceBytes: number | undefined): string {
  const own = `${mib(process.resourceUsage().maxRSS * 1024)} in the process`;
  const memory = deviceBytes === undefined ? own : `${mib(deviceBytes)} on the device and ${own}`;
  return `took ${(ms / 1000).toFixed(1)} s, at most ${memory}`;
}
