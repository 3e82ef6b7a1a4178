/** @file The task behind `fire-gpu data render`: procedural landmarks with ground truth, for tries, tests and training. */
import { DEFAULTS, type RenderOptions, type RenderResult, renderLandmarks } from "../data/landmarks/render.js";
import { Interrupted, type Progress, type Stage, silent } from "./progress.js";

/** Defaults of all parameters, for the command's help. */
export const renderDefaults = DEFAULTS;

/** Options of the command; defaults are those of `data/landmarks/render.ts`. `jobs` is the number of threads. */
export interface RenderTaskOptions extends Omit<RenderOptions, "workers"> {
  readonly jobs?: number;
}

/**
 * Renders the set with progress. @throws UsageError for bad options; Interrupted when the signal was given
 */
export async function renderTask(options: RenderTaskOptions, progress: Progress = silent): Promise<RenderResult> {
  const { jobs, ...rest } = options;
  let stage: Stage | undefined;
  let before = 0;
  const result = await renderLandmarks({ ...rest, workers: jobs }, ({ done, total }) => {
    if (stage) stage.advance(done - before);
    else stage = progress.stage("rendering", total, done);
    before = done;
  });
  stage?.end();
  if (!result.complete) throw new Interrupted();
  progress.note(`${result.images} images, ${result.queries} of them queries, in ${options.out}`);
  return result;
}
