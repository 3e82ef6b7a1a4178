/**
 * @file `fire-gpu demo`: the whole road without any download. Renders two small sets of landmarks, evaluates FIRe with
 * ASMK on the first with a codebook from the second, and writes a page that shows the rankings.
 */

import { join, resolve } from "node:path";
import { anything, callable, checkOptions, flag, type Rule, text } from "../../base/check.js";
import { packageRoot } from "../../base/paths.js";
import { claimLandmarks, type RenderOptions } from "../../data/landmarks/render.js";
import { peekCheckpoint } from "../../nets/weights/checkpoint.js";
import type { Override } from "../config/override.js";
import type { EvalResult } from "../evaluate/results.js";
import { type EvalTools, runEvaluation } from "../evaluate/run.js";
import { claimExperiment, claimFolder, claimOutput, isOwnPage } from "../outputs.js";
import { type Progress, progressRule } from "../progress.js";
import { renderTask } from "../render.js";
import { collectReport, reportHead, writeReport } from "../report/write.js";

/** The sets: what is searched, and other landmarks that only teach the visual words. */
const SETS = {
  landmarks: { landmarks: 8, views: 6, queriesPerLandmark: 2, distractors: 20, size: 192, seed: 1 },
  codebook: { landmarks: 8, views: 3, queriesPerLandmark: 0, distractors: 0, size: 192, seed: 2 },
} as const satisfies Record<string, Partial<RenderOptions>>;

/** Folder of the evaluation. */
const EXPERIMENT = "evaluation";
/** Places shown a query. */
const TOP = 12;

export interface DemoOptions {
  /** Folder of everything that is written. A run that was stopped continues there. */
  readonly out: string;
  /** Another network than the one in the package. */
  readonly checkpoint?: string;
  /** Other sizes of the two sets. */
  readonly sizes?: { readonly [set in keyof typeof SETS]?: Partial<RenderOptions> };
  /** Configuration values that win over those of `eval_fire_demo`. */
  readonly overrides?: readonly Override[];
  /** Replace files of the evaluation and the page that this program did not write. */
  readonly force?: boolean;
  /** Is told the result before the page is written. */
  readonly onResult?: (result: DemoResult) => void;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  out: text,
  checkpoint: text,
  sizes: anything,
  overrides: anything,
  force: flag,
  onResult: callable,
  progress: progressRule,
  signal: anything,
} as const satisfies { readonly [K in keyof DemoOptions]-?: Rule };

export interface DemoResult {
  readonly evaluation: EvalResult;
  /** The page. */
  readonly page: string;
  /** What the checkpoint says of its training. */
  readonly about: string;
  readonly seconds: number;
}

/** The network in the package. */
export function demoCheckpoint(): string {
  return join(packageRoot(), "models", "demo.safetensors");
}

/**
 * Renders, evaluates and writes the page.
 * @throws what rendering and evaluation throw; Interrupted after the signal
 */
export async function runDemo(options: DemoOptions, tools: EvalTools): Promise<DemoResult> {
  checkOptions("runDemo", options, OPTIONS, ["out", "progress"]);
  const begin = performance.now();
  const { progress, signal, force } = options;
  const out = resolve(options.out);
  const checkpoint = resolve(options.checkpoint ?? demoCheckpoint());
  const about = aboutOf(checkpoint);
  const page = join(out, "rankings.html");
  claimFolder({ option: "--out", folder: options.out, replaces: /^$/, isOwn: () => true });
  const claimed = claimOutput({ option: "--out", file: page, isOwn: isOwnPage, force, inputs: [checkpoint] });
  claimExperiment(join(out, EXPERIMENT), force);
  const sets = (["landmarks", "codebook"] as const).map((name) => ({
    ...SETS[name],
    ...options.sizes?.[name],
    ...{ out: join(out, name), signal },
  }));
  for (const set of sets) claimLandmarks(set);
  for (const set of sets) await renderTask(set, progress);
  const { sections, onRanked } = collectReport({ top: TOP, queries: Number.POSITIVE_INFINITY });
  const evaluation = await runEvaluation(
    {
      config: join(packageRoot(), "configs", "eval_fire_demo.yml"),
      overrides: [...pathOverrides(out, checkpoint), ...(options.overrides ?? [])],
      ...{ progress, signal, onRanked, force, outputs: [claimed] },
    },
    tools,
  );
  const result = { evaluation, page, about, seconds: (performance.now() - begin) / 1000 };
  options.onResult?.(result);
  await writeReport(page, { ...reportHead(evaluation, about), title: "fire-gpu demo: rendered landmarks" }, sections);
  return result;
}

/** The demo's folders and network instead of those in the file. */
function pathOverrides(out: string, checkpoint: string): Override[] {
  const local = "evaluation.local_descriptor";
  const values: [path: string, value: Override["value"]][] = [
    ["experiment", EXPERIMENT],
    ["demo_eval.data_folder", out],
    ["demo_eval.exp_folder", out],
    ["demo_eval.net_path", checkpoint],
    [`${local}.datasets`, [{ name: "landmarks", gnd: join(out, "landmarks", "gnd.json") }]],
    [`${local}.codebook_training.dataset`, { name: "other landmarks", images: join(out, "codebook", "images") }],
  ];
  return values.map(([path, value]) => ({ path, value, source: "demo" }));
}

/** `meta.training` of the checkpoint, so that the demo never says more of a network than its maker did. */
function aboutOf(checkpoint: string): string {
  const training = peekCheckpoint(checkpoint).meta?.training;
  return typeof training === "string" ? training : "of unknown training";
}
