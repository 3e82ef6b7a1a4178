/**
 * @file The order of a training (spec: fire.md §5.1, how.md §6): whitening, then for each epoch mining, steps, validation,
 * checkpoints. The state is saved wherever a stage ends, so that after a kill each stage is done once, or again with the
 * same result.
 */
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import type { Download } from "../evaluate/model-file.js";
import { checkpointContent, writeCheckpoint } from "./checkpoint.js";
import { curvesHtml } from "./curves.js";
import { stepsOf, trainEpoch } from "./epoch.js";
import { bestEpoch, type Decision, emptyHistory } from "./history.js";
import { meanLoss, noSums } from "./meter.js";
import { dropMiningCache, mineTuples } from "./mine.js";
import { STATE_FILE, TrainRun } from "./run-state.js";
import { stateHash, type TrainSession } from "./session.js";
import { rateAt, type TrainSettings } from "./settings.js";
import { startWeights } from "./start.js";
import { checkMoments, readState, type TrainState } from "./state-file.js";
import { dropValidationCache, validate, validationPlans, withValidations } from "./validate.js";
import { initialiseWhitening } from "./whiten.js";

/** A run at its first epoch, whitening done, or where an earlier one was killed. */
export async function openRun(session: TrainSession, download: Download): Promise<TrainRun> {
  const { settings, bench, folder, log } = session;
  const fixed = fixedSettings(settings);
  const stateFile = join(folder, STATE_FILE);
  const saved = readState(stateFile, fixed, session.set.images.length);
  if (saved) {
    const { epoch, phase, step } = saved.state;
    const where =
      phase === "train" && step > 0 ? ` after iteration ${step}` : phase === "validate" ? " at its end" : "";
    log.note(`Continuing in epoch ${epoch}${where}`);
    const trainer = bench.trainer(settings, saved.weights);
    checkMoments(stateFile, saved.optimiser, trainer.parameters);
    trainer.loadOptimiserState(saved.optimiser);
    const run = new TrainRun(folder, trainer, saved.state, fixed, settings.saveSeconds);
    run.savedAt = { epoch, step };
    run.metrics.rewind(epoch, step);
    return run;
  }
  const state = await firstWeights(session, download);
  // Epoch 0 has nothing but a validation.
  const atStart = settings.params.validation.at_start && settings.epochs > 0;
  const begin: TrainState = {
    epoch: atStart ? 0 : 1,
    phase: atStart ? "validate" : "mine",
    step: 0,
    sums: noSums,
    tuples: null,
    history: emptyHistory,
    seconds: 0,
  };
  const run = new TrainRun(folder, bench.trainer(settings, state), begin, fixed, settings.saveSeconds);
  run.metrics.rewind(0, 0);
  await run.save();
  return run;
}

/** Weights to begin from, with their whitening. */
async function firstWeights(session: TrainSession, download: Download) {
  const { settings, log } = session;
  const { state, initialised, file } = await startWeights(session, download);
  const random = initialised.filter((part) => part !== "dim_reduction");
  log.note(
    `Beginning from ${file ?? `seed ${settings.seed}`}${file && random.length > 0 ? `; ${random.join(", ")} from seed ${settings.seed}` : ""}`,
  );
  await initialiseWhitening(session, state);
  return state;
}

/** All epochs that are left; returns the best one. */
export async function trainAll(session: TrainSession, run: TrainRun): Promise<Decision | null> {
  const { settings } = session;
  if (settings.epochs === 0) {
    await writeCheckpoints(session, run, 0, null, true);
    return null;
  }
  while (run.state.epoch <= settings.epochs) {
    if (run.state.phase === "mine") await mine(session, run);
    if (run.state.phase === "train") {
      await trainEpoch(session, run);
      await closeEpoch(run);
    }
    await finishEpoch(session, run);
  }
  return decide(session, run);
}

async function mine(session: TrainSession, run: TrainRun): Promise<void> {
  const begin = performance.now();
  const { epoch, history } = run.state;
  const weights = stateHash(await run.trainer.stateDict());
  const network = await run.trainer.network();
  let tuples: Awaited<ReturnType<typeof mineTuples>>;
  try {
    tuples = await mineTuples(session, epoch, network, weights);
  } finally {
    network.destroy();
  }
  stepsOf(tuples.images.length / tuples.width, session.settings.params.training.loader.batch_size);
  const distance = tuples.negativeDistance;
  if (distance !== null) session.log.note(`>>>> Average negative l2-distance: ${distance.toFixed(2)}`);
  run.state = {
    ...run.state,
    phase: "train",
    step: 0,
    sums: noSums,
    tuples,
    history:
      distance === null ? history : { ...history, negativeDistance: [...history.negativeDistance, [epoch, distance]] },
    seconds: run.state.seconds + (performance.now() - begin) / 1000,
  };
  await run.save();
  dropMiningCache(session);
}

/** After the last step: the loss of the epoch is known, its tuples are not needed any more. */
async function closeEpoch(run: TrainRun): Promise<void> {
  const { epoch, sums, history } = run.state;
  run.state = {
    ...run.state,
    phase: "validate",
    tuples: null,
    history: { ...history, trainLoss: [...history.trainLoss, [epoch, meanLoss(sums)]] },
  };
  await run.save();
}

/** Validation, plots, checkpoints, and the state of the next epoch last: a kill before it repeats all of them alike. */
async function finishEpoch(session: TrainSession, run: TrainRun): Promise<void> {
  const begin = performance.now();
  const { settings, folder, log } = session;
  const { epoch, sums } = run.state;
  const found = await validate(session, epoch, run.trainer);
  for (const { method, dataset, scores } of found)
    run.metrics.append({ kind: "validation", epoch, method, dataset, scores });
  const seconds = run.state.seconds + (performance.now() - begin) / 1000;
  const validated = withValidations(run.state.history, epoch, found);
  const history = { ...validated, seconds: [...validated.seconds, [epoch, seconds] as const] };
  run.state = { ...run.state, history };
  writeFileAtomic(
    join(folder, "curves.html"),
    curvesHtml(`Training of ${settings.kind} ${settings.net.architecture}`, history),
  );
  const best = decide(session, run);
  const negativeDistance = history.negativeDistance.find(([e]) => e === epoch)?.[1] ?? null;
  run.metrics.append({
    kind: "epoch",
    epoch,
    trainLoss: epoch === 0 ? null : meanLoss(sums),
    negativeDistance,
    rate: rateAt(settings, epoch),
    best,
    seconds,
  });
  await writeCheckpoints(session, run, epoch, best, epoch === settings.epochs || epoch === 0);
  log.note(`Epoch ${epoch} finished in ${seconds.toFixed(1)}s`);
  run.state = { ...run.state, epoch: epoch + 1, phase: "mine", step: 0, sums: noSums, seconds: 0 };
  await run.save();
  dropValidationCache(session);
}

function decide({ settings }: TrainSession, { state }: TrainRun): Decision | null {
  const { local, global } = validationPlans(settings);
  return bestEpoch(state.history, local, global);
}

/** The best so far as model_best.pth, the last (and epoch 0) as model_epoch<N>.pth; nothing for epochs between that are neither. */
async function writeCheckpoints(
  session: TrainSession,
  run: TrainRun,
  epoch: number,
  best: Decision | null,
  last: boolean,
): Promise<void> {
  const isBest = best === null || best.epoch === epoch;
  if (!isBest && !last) return;
  const { settings, folder } = session;
  const content = await checkpointContent(run.trainer, { settings, epoch, history: run.state.history, best });
  if (isBest) writeCheckpoint(join(folder, "epochs", "model_best.pth"), content);
  // Last: once the file of the last epoch is there the training counts as done.
  if (last) writeCheckpoint(join(folder, "epochs", `model_epoch${epoch}.pth`), content);
}

/** Settings that decide the weights, by key: all but folders, validation, and how long to go on. */
function fixedSettings({ params }: TrainSettings): Record<string, unknown> {
  const { epochs: _, recompute: __, save_minutes: ___, ...training } = params.training;
  return Object.fromEntries([...flatten("training", training), ...flatten("model", params.model)]);
}

function flatten(path: string, value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, v]) => flatten(`${path}.${key}`, v));
}
