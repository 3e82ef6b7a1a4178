/** @file `--dry-run`: a few images and two tuples are really run, and the numbers of an epoch follow from them. */

import type { RgbImage } from "../../base/image.js";
import { elementCount } from "../../base/tensor.js";
import { drawEpoch } from "../../data/tuples/draw.js";
import type { Download } from "../evaluate/model-file.js";
import { secondsSince } from "../evaluate/session.js";
import { stepsOf } from "./epoch.js";
import { flippedRequests, streamOf, type TrainSession } from "./session.js";
import { comparesBatch, groupRates } from "./settings.js";
import { startWeights } from "./start.js";

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
}

/** Images that are described; the first ones, during which kernels are compiled, are not timed. */
const PROBES = 12;
const WARM_UP = 4;

/** Measures with first weights; nothing is written. @throws what the training would throw for bad settings */
export async function estimate(session: Omit<TrainSession, "log">, download: Download): Promise<Estimate> {
  const { settings, set, bench } = session;
  const { params, runtime } = settings;
  const { dataset, loader: batches, initialize_dim_reduction: whitening } = params.training;
  const sizes = { queries: dataset.qsize, pool: dataset.poolsize, negatives: dataset.nnum };
  const draw = drawEpoch(set, sizes, streamOf(session, "epoch", 1, "draw"));
  const pairs = draw.queries.length;
  const steps = stepsOf(pairs, batches.batch_size);
  const { state } = await startWeights(session, download);

  const probes = Int32Array.from(
    { length: PROBES },
    (_, i) => [...draw.pool, ...draw.queries][i % (draw.pool.length + pairs)],
  );
  const bare = bench.unwhitened(settings, state);
  const local = { scales: runtime.training_scales, featuresNum: runtime.features_num };
  const whitenSeconds = await perImage(session, probes, runtime.image_size, (image) => bare.extractLocal(image, local));
  bare.destroy();

  const trainer = bench.trainer(settings, state);
  try {
    const width = 2 + dataset.nnum;
    // What the loss looks at together: a tuple, or all pairs of a batch.
    const parts = comparesBatch(settings) ? 1 : batches.batch_size;
    const tuple = Int32Array.from(
      { length: (width * batches.batch_size) / parts },
      (_, i) => [draw.queries[0], draw.positives[0], ...draw.pool][i] ?? draw.queries[0],
    );
    const images = await load(session, tuple, dataset.imsize);
    await trainer.accumulate(images);
    const rates = groupRates(0);
    await trainer.step(settings.optimiser, rates);
    await trainer.finish();
    const begin = performance.now();
    await trainer.accumulate(images);
    await trainer.finish();
    const tupleSeconds = secondsSince(begin);
    const stepBegin = performance.now();
    await trainer.step(settings.optimiser, rates);
    await trainer.finish();
    const stepSeconds = secondsSince(stepBegin);

    const network = await trainer.network();
    const describeSeconds = await perImage(session, probes, dataset.imsize, (image) =>
      network.extractGlobal(image, runtime.training_scales),
    );
    const outputDim = network.outputDim;
    network.destroy();

    const mined = dataset.nnum === 0 ? 0 : pairs + draw.pool.length;
    const mining = { images: mined, seconds: mined * describeSeconds };
    const tuples = steps * batches.batch_size;
    const training = { steps, images: tuples * width, seconds: steps * (parts * tupleSeconds + stepSeconds) };
    const whitened = whitening === false ? 0 : Math.min(whitening.images, set.images.length);
    const first = { images: whitened, seconds: whitened * whitenSeconds };
    const epochSeconds = mining.seconds + training.seconds;
    const bytes = [...state.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    const learned = trainer.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    return {
      device: bench.device,
      whitening: first,
      mining,
      training,
      epochSeconds,
      totalSeconds: first.seconds + settings.epochs * epochSeconds,
      deviceBytes: trainer.peakBytes,
      miningBytes: pairs * (4 * outputDim + 24 * dataset.nnum) + 4 * (set.images.length + mined),
      stateBytes: bytes + 8 * learned,
      parameters: [...state].reduce((sum, [, { shape }]) => sum + elementCount(shape), 0),
    };
  } finally {
    trainer.destroy();
  }
}

/** Seconds an image, decoding ahead as the training does. */
async function perImage(
  session: Omit<TrainSession, "log">,
  images: Int32Array,
  imageSize: number,
  describe: (image: RgbImage) => Promise<unknown>,
): Promise<number> {
  let done = 0;
  let begin = performance.now();
  for await (const { image, error } of session.loader.load(flippedRequests(session, images, streamOf(session, "dry")), {
    imageSize,
  })) {
    if (error) throw error;
    await describe(image);
    if (++done === WARM_UP) begin = performance.now();
  }
  return secondsSince(begin) / (done - WARM_UP);
}

async function load(session: Omit<TrainSession, "log">, images: Int32Array, imageSize: number): Promise<RgbImage[]> {
  const loaded: RgbImage[] = [];
  const requests = flippedRequests(session, images, streamOf(session, "dry"));
  for await (const { image, error } of session.loader.load(requests, { imageSize })) {
    if (error) throw error;
    loaded.push(image);
  }
  return loaded;
}
