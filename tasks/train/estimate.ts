/**
 * @file `--dry-run`: a few photos are described and a tuple is learned from, as large as some seconds allow, and the numbers
 * of an epoch follow from them. Nothing is written or fetched.
 */
import { existsSync } from "node:fs";
import type { RgbImage } from "../../base/image.js";
import { elementCount } from "../../base/tensor.js";
import { drawEpoch } from "../../data/tuples/draw.js";
import { secondsSince } from "../evaluate/session.js";
import { type Progress, stopIfAsked } from "../progress.js";
import { stepsOf } from "./epoch.js";
import { extrapolate, pixelsOf, probe } from "./probe.js";
import { flippedRequests, streamOf, type TrainSession } from "./session.js";
import { comparesBatch, groupRates } from "./settings.js";
import { whereStartIs } from "./start.js";
import type { StateDict } from "./workbench.js";

/** Images, and seconds for all of them. */
export interface StageEstimate {
  readonly images: number;
  readonly seconds: number;
}

export interface Estimate {
  readonly device: string;
  /** Once, before the first epoch. */
  readonly whitening: StageEstimate;
  /** Of each epoch. */
  readonly mining: StageEstimate;
  readonly training: StageEstimate & { readonly steps: number };
  /** One epoch without validation, and all of them. */
  readonly epochSeconds: number;
  readonly totalSeconds: number;
  /** Most device memory in use during a tuple. */
  readonly deviceBytes: number;
  /** Process memory for mining: descriptors of the queries, their candidates. */
  readonly miningBytes: number;
  /** Of the state file, and of each of the two checkpoints. */
  readonly stateBytes: number;
  readonly parameters: number;
  readonly measured: Measured;
}

/** What the numbers were taken from. */
export interface Measured {
  /** Seconds that measuring took. */
  readonly seconds: number;
  /** Photos of a tuple, and the sizes at which it was run; the full size is that of `training.dataset.imsize`. */
  readonly images: number;
  readonly sizes: readonly number[];
  readonly fullSize: number;
  /** Pixels of a tuple at full size over those of the largest that was measured: 1 is measured as it is. */
  readonly factor: number;
  /** Photos of the set that were looked for, and are there. */
  readonly lookedFor: number;
  /** The first weights are not on this machine yet; random ones were timed, which takes as long. */
  readonly missingStart: string | null;
}

/** Seconds for learning and for describing. */
const TUPLE_BUDGET = 5;
const DESCRIBE_BUDGET = 2;

export interface EstimateOptions extends Omit<TrainSession, "log"> {
  readonly progress: Progress;
  /** Photos of the set that were looked for before. */
  readonly lookedFor: number;
}

/** Measures with first weights; nothing is written. @throws what the training would throw for bad settings; Interrupted */
export async function estimate(session: EstimateOptions): Promise<Estimate> {
  const begin = performance.now();
  const { settings, set, bench, progress, signal } = session;
  const { params, runtime } = settings;
  const { dataset, loader: batches, initialize_dim_reduction: whitening } = params.training;
  const sizes = { queries: dataset.qsize, pool: dataset.poolsize, negatives: dataset.nnum };
  const draw = drawEpoch(set, sizes, streamOf(session, "epoch", 1, "draw"));
  const pairs = draw.queries.length;
  const steps = stepsOf(pairs, batches.batch_size);
  progress.note(`measuring on ${bench.device}, a few seconds`);
  const { state, missing } = await weightsForTiming(session);

  const width = 2 + dataset.nnum;
  // What the loss looks at together: a tuple, or all pairs of a batch.
  const parts = comparesBatch(settings) ? 1 : batches.batch_size;
  const together = (width * batches.batch_size) / parts;
  const drawn = [draw.queries[0], draw.positives[0], ...draw.pool, ...draw.queries];
  // time and memory go with the pixels of all photos: a pair tells them, or two where pairs are compared
  const tuple = Int32Array.from({ length: comparesBatch(settings) ? 4 : 2 }, (_, i) => drawn[i % drawn.length]);
  const photos = await readPhotos(session, tuple);
  const learned = { label: `learning from ${tuple.length} photos`, fullSize: dataset.imsize, budget: TUPLE_BUDGET };

  const trainer = bench.trainer(settings, state);
  try {
    const empty = trainer.peakBytes;
    const learn = async (images: readonly RgbImage[]) => {
      await trainer.accumulate(images);
      await trainer.finish();
    };
    const probes = await probe({
      ...{ ...learned, progress, signal, load: photos.load, run: learn, bytes: () => trainer.peakBytes },
    });
    const tuplePixels = photos.pixelsAt(dataset.imsize) * together;
    const points = probes.map(({ pixels: x, seconds: y }) => ({ x, y }));
    const tupleSeconds = Math.max(extrapolate(points, tuplePixels), together * photos.decodeSeconds);
    // without activations kept, one photo is in memory
    const atOnce = settings.recompute ? 1 : together;
    const held = probes.map(({ pixels, bytes: y }) => ({
      x: (pixels * Math.min(atOnce, tuple.length)) / tuple.length,
      y,
    }));
    const deviceBytes = extrapolate(held, photos.pixelsAt(dataset.imsize) * atOnce, empty);
    const stepBegin = performance.now();
    await trainer.step(settings.optimiser, groupRates(0));
    await trainer.finish();
    const stepSeconds = secondsSince(stepBegin);

    const whitened = whitening === false ? 0 : Math.min(whitening.images, set.images.length);
    const mined = dataset.nnum === 0 ? 0 : pairs + draw.pool.length;
    // one network tells both: it is the trunk, and LIT, that take the time
    const network = bench.unwhitened(settings, state);
    const describe = async (images: readonly RgbImage[]) => {
      for (const image of images) await network.extractGlobal(image, runtime.training_scales);
    };
    const found = await probe({
      ...{ label: "describing", fullSize: Math.max(dataset.imsize, runtime.image_size), budget: DESCRIBE_BUDGET },
      ...{ progress, signal, load: photos.load, run: describe },
    });
    network.destroy();
    const perPhoto = found.map(({ pixels, seconds }) => ({ x: pixels / tuple.length, y: seconds / tuple.length }));
    const [whitenSeconds, describeSeconds] = [runtime.image_size, dataset.imsize].map((size) =>
      Math.max(photos.decodeSeconds, extrapolate(perPhoto, photos.pixelsAt(size))),
    );

    const mining = { images: mined, seconds: mined * describeSeconds };
    const tuples = steps * batches.batch_size;
    const training = { steps, images: tuples * width, seconds: steps * (parts * tupleSeconds + stepSeconds) };
    const first = { images: whitened, seconds: whitened * whitenSeconds };
    const epochSeconds = mining.seconds + training.seconds;
    const bytes = [...state.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    const weights = trainer.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    return {
      device: bench.device,
      whitening: first,
      mining,
      training,
      epochSeconds,
      totalSeconds: first.seconds + settings.epochs * epochSeconds,
      deviceBytes: Math.round(deviceBytes),
      miningBytes:
        pairs * (4 * (settings.net.dim_reduction?.dim ?? 0) + 24 * dataset.nnum) + 4 * (set.images.length + mined),
      stateBytes: bytes + 8 * weights,
      parameters: [...state].reduce((sum, [, { shape }]) => sum + elementCount(shape), 0),
      measured: {
        seconds: secondsSince(begin),
        images: tuple.length,
        sizes: probes.map(({ size }) => size),
        fullSize: dataset.imsize,
        factor: tuplePixels / probes[probes.length - 1].pixels,
        lookedFor: session.lookedFor,
        missingStart: missing,
      },
    };
  } finally {
    trainer.destroy();
  }
}

/** First weights where they are on this machine, else random ones: what is computed with them takes as long. */
async function weightsForTiming(session: EstimateOptions): Promise<{ state: StateDict; missing: string | null }> {
  const { settings, root, bench } = session;
  const { pretrained, architecture } = settings.params.model;
  const { file, url } = whereStartIs(pretrained, architecture, root);
  const there = file !== null && existsSync(file);
  const { state } = await bench.start(settings, there ? file : null, []);
  return { state, missing: url !== null && !there ? url : null };
}

/** The photos of a tuple at any size, and how long it takes to decode one while others are decoded as well. */
async function readPhotos(session: EstimateOptions, images: Int32Array) {
  const { imsize } = session.settings.params.training.dataset;
  const begin = performance.now();
  const full = await load(session, images, imsize);
  const decodeSeconds = secondsSince(begin) / images.length;
  return {
    decodeSeconds,
    /** Mean pixels of a photo whose longer side is limited so. */
    pixelsAt(limit: number): number {
      const fits = full.map(({ original: { width, height } }) => {
        const scale = Math.min(1, limit / Math.max(width, height));
        return { width: width * scale, height: height * scale };
      });
      return pixelsOf(fits) / full.length;
    },
    load: async (size: number) => (await load(session, images, size)).map(({ image }) => image),
  };
}

async function load(session: EstimateOptions, images: Int32Array, imageSize: number) {
  const loaded: { image: RgbImage; original: { width: number; height: number } }[] = [];
  const requests = flippedRequests(session, images, streamOf(session, "dry"));
  for await (const { image, original, error } of session.loader.load(requests, { imageSize })) {
    if (error) session.skips.add(error);
    else loaded.push({ image, original });
    stopIfAsked(session.signal);
  }
  session.skips.requireSome(loaded.length, images.length, "training");
  // As many as were asked for: only their number and size are measured.
  return Array.from(images, (_, i) => loaded[i % loaded.length]);
}
