/** @file The steps of one epoch: tuples in random order, gradients summed over a batch, one optimiser step (fire.md §5.4). */
import { NumericError, UsageError } from "../../base/errors.js";
import type { RgbImage } from "../../base/image.js";
import type { LoadedImage } from "../../data/loader.js";
import type { TupleLoss } from "../../nets/train/trainer.js";
import { Interrupted } from "../progress.js";
import { loadedSize, varied, withSamePositives } from "./augment.js";
import { addStep, addTuple, type EpochSums, isPrinted, meanLoss, trainLine } from "./meter.js";
import type { TrainRun } from "./run-state.js";
import { flippedRequests, streamOf, type TrainSession } from "./session.js";
import { comparesBatch, groupRates, rateAt } from "./settings.js";

/** A loss this many times the usual one has exploded. */
const EXPLOSION = 1000;
/** Tuples whose mean says what is usual; before them, the last epoch's mean does. */
const USUAL = 20;

/** Iterations of an epoch; the last incomplete batch is dropped. @throws UsageError when not one batch is full */
export function stepsOf(tuples: number, batchSize: number): number {
  const steps = Math.floor(tuples / batchSize);
  if (steps === 0)
    throw new UsageError(
      "NoBatch",
      `training: an epoch of ${tuples} tuples has no full batch of ${batchSize}; lower training.loader.batch_size`,
    );
  return steps;
}

/**
 * Does the steps that are left of the epoch; `run.state` follows.
 * @throws NumericError when a loss, gradient or weight is no number or explodes; Interrupted with the state of the last step saved
 */
export async function trainEpoch(session: TrainSession, run: TrainRun): Promise<void> {
  const { settings, log, loader, signal } = session;
  const { epoch, tuples, step: done } = run.state;
  if (!tuples) throw new Error("training: an epoch without tuples");
  const { width, images } = tuples;
  const { batch_size: batchSize } = settings.params.training.loader;
  const [parts, wide] = comparesBatch(settings) ? [1, batchSize * width] : [batchSize, width];
  const steps = stepsOf(images.length / width, batchSize);
  const order = streamOf(session, "epoch", epoch, "order").permutation(images.length / width);
  const drawn = Array.from(order.slice(done * batchSize, steps * batchSize)).flatMap((t) => [
    ...images.subarray(t * width, (t + 1) * width),
  ]);
  const { variation } = settings;
  const left = withSamePositives(drawn, width, done * batchSize, variation, streamOf(session, "epoch", epoch, "same"));
  const flips = streamOf(session, "epoch", epoch, "flips");
  const requests = flippedRequests(session, left, flips, done * batchSize * width);
  const { imsize } = settings.params.training.dataset;
  const source = loader.load(requests, { imageSize: loadedSize(imsize, variation) });
  const variations = streamOf(session, "epoch", epoch, "variations");
  let next = done * batchSize * width;
  const stage = log.stage(`training ${epoch}`, steps * batchSize * width, done * batchSize * width);
  const rates = groupRates(rateAt(settings, epoch));
  const usual = run.state.history.trainLoss.at(-1)?.[1];
  try {
    for (let step = done + 1; step <= steps; step++) {
      const begin = performance.now();
      let waited = 0;
      let used = 0;
      let { sums } = run.state;
      let last: TupleLoss = { total: 0, terms: {} };
      for (let b = 0; b < parts; b++) {
        // Weights change at the step only: in the middle of a batch the state is still that of the last step.
        if (signal?.aborted) {
          await run.save();
          throw new Interrupted();
        }
        const asked = performance.now();
        const loaded = await nextImages(source, wide);
        waited += performance.now() - asked;
        const first = next;
        next += wide;
        stage.advance(wide);
        const tuple = usableTuples(session, loaded, width).map(({ image, at }) =>
          varied(image, imsize, variation, first + at, variations),
        );
        if (tuple.length < (comparesBatch(settings) ? 2 : 1) * width) continue;
        last = await run.trainer.accumulate(tuple);
        checkLoss(last, sums, usual);
        sums = addTuple(sums, last);
        used++;
      }
      if (used > 0) await run.trainer.step(settings.optimiser, rates);
      const seconds = (performance.now() - begin) / 1000;
      sums = addStep(sums, seconds, waited / 1000);
      run.state = { ...run.state, step, sums, seconds: run.state.seconds + seconds };
      if (isPrinted(step, steps)) {
        log.note(trainLine(epoch, steps, sums, { last, stepSeconds: seconds, dataSeconds: waited / 1000 }));
        const terms = Object.fromEntries(Object.entries(sums.terms).map(([k, v]) => [k, v / sums.tuples]));
        const imagesPerSecond = (sums.tuples * wide) / sums.stepSeconds;
        run.metrics.append({ kind: "step", epoch, step, steps, loss: meanLoss(sums), terms, imagesPerSecond });
      }
      if (step < steps) await run.saveIfDue();
    }
    session.skips.requireSome(run.state.sums.tuples, steps * batchSize, `epoch ${epoch}`);
  } catch (error) {
    throw error instanceof NumericError ? placed(error, session, run) : error;
  } finally {
    stage.end();
    await source.return();
  }
}

async function nextImages(source: AsyncGenerator<LoadedImage, void, void>, count: number): Promise<LoadedImage[]> {
  const images: LoadedImage[] = [];
  while (images.length < count) {
    const { value } = await source.next();
    if (!value) throw new Error("training: the loader ended before the epoch");
    images.push(value);
  }
  return images;
}

/** The images of the tuples all of whose photos can be used. @throws ImageError when the training stops at such photos */
function usableTuples(
  { skips }: TrainSession,
  loaded: readonly LoadedImage[],
  width: number,
): { image: RgbImage; at: number }[] {
  const usable: { image: RgbImage; at: number }[] = [];
  for (let begin = 0; begin < loaded.length; begin += width) {
    const tuple = loaded.slice(begin, begin + width);
    for (const { error } of tuple) if (error) skips.add(error);
    const images = tuple.flatMap(({ image }, i) => (image ? [{ image, at: begin + i }] : []));
    if (images.length === width) usable.push(...images);
  }
  return usable;
}

/**
 * A loss that is no number is the trainer's to notice; one that runs away is noticed here.
 * @param before mean of the last epoch, if there was one
 */
function checkLoss({ total, terms }: TupleLoss, sums: EpochSums, before: number | undefined): void {
  const usual = sums.tuples >= USUAL ? meanLoss(sums) : before;
  if (Number.isFinite(total) && (usual === undefined || total <= EXPLOSION * Math.max(usual, 1e-3))) return;
  const parts = Object.entries(terms).map(([name, value]) => `${name} ${value}`);
  const mean = usual === undefined ? "" : `, the mean before was ${usual.toPrecision(3)}`;
  throw new NumericError(
    "LossExploded",
    `training: the loss is ${total} (${parts.join(", ")})${mean}; lower training.optimizer.lr`,
  );
}

/** The same error with where it happened and what is left. */
function placed(error: NumericError, { folder }: TrainSession, { state, savedAt }: TrainRun): NumericError {
  const kept = savedAt
    ? `; the state after epoch ${savedAt.epoch}, iteration ${savedAt.step} and the checkpoints in ${folder} are kept`
    : "";
  return new NumericError(error.code, `${error.message} — epoch ${state.epoch}, iteration ${state.step + 1}${kept}`, {
    cause: error,
  });
}
