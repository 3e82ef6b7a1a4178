/**
 * @file The tuples of one epoch: pairs and pool are drawn, the network of the present describes them, and each query gets
 * the hardest negatives (spec: fire.md §5.3). Descriptors go to a log as they come, so that a killed run continues.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { drawEpoch } from "../../data/tuples/draw.js";
import { HardNegatives } from "../../data/tuples/hard-negatives.js";
import type { RetrievalNetwork } from "../../nets/network.js";
import { decodeGlobal, encodeGlobal } from "../evaluate/feature-codec.js";
import { fingerprint } from "../evaluate/fingerprint.js";
import { RecordLog } from "../evaluate/record-log.js";
import { stopIfAsked } from "../progress.js";
import { flippedRequests, streamOf, type TrainSession } from "./session.js";

/** Tuples of image indices: query, positive, negatives. */
export interface EpochTuples {
  /** Images a tuple. */
  readonly width: number;
  /** Tuples × width. */
  readonly images: Int32Array;
  /** Mean distance of the queries to their negatives; null without negatives. */
  readonly negativeDistance: number | null;
}

/**
 * @param network the weights before this epoch @param weights their hash: cached descriptors of other weights are not used
 * @throws UsageError when the pool has too few clusters; NumericError when a descriptor is not finite
 */
export async function mineTuples(
  session: TrainSession,
  epoch: number,
  network: RetrievalNetwork,
  weights: string,
): Promise<EpochTuples> {
  const { settings, set } = session;
  const { nnum, qsize, poolsize } = settings.params.training.dataset;
  const sizes = { queries: qsize, pool: poolsize, negatives: nnum };
  const { queries, positives, pool } = drawEpoch(set, sizes, streamOf(session, "epoch", epoch, "draw"));
  const width = 2 + nnum;
  const images = new Int32Array(queries.length * width);
  for (const [i, q] of queries.entries()) images.set([q, positives[i]], i * width);
  if (nnum === 0) return { width, images, negativeDistance: null };

  const { outputDim } = network;
  const rows = new Float32Array(queries.length * outputDim);
  const clusters = queries.map((q) => set.clusters[q]);
  const mining = new HardNegatives(rows, outputDim, clusters, nnum);
  let i = 0;
  for await (const descriptor of describe(session, epoch, network, weights, Int32Array.from([...queries, ...pool]))) {
    if (i < queries.length) rows.set(descriptor, i * outputDim);
    else mining.offer(pool[i - queries.length], set.clusters[pool[i - queries.length]], descriptor);
    i++;
  }
  const { images: negatives, meanDistance } = mining.result();
  for (let t = 0; t < queries.length; t++) images.set(negatives.subarray(t * nnum, (t + 1) * nnum), t * width + 2);
  return { width, images, negativeDistance: meanDistance };
}

/** Where the descriptors of the mining under way are kept; removed by whoever has saved the tuples. */
function cacheFolder(folder: string): string {
  return join(folder, "cache", "mining");
}

/** Forgets the descriptors of the last mining. */
export function dropMiningCache({ folder }: Pick<TrainSession, "folder">): void {
  rmSync(cacheFolder(folder), { recursive: true, force: true });
}

/** Global descriptors of images in order; kept ones first. */
async function* describe(
  session: TrainSession,
  epoch: number,
  network: RetrievalNetwork,
  weights: string,
  images: Int32Array,
): AsyncGenerator<Float32Array> {
  const { settings, loader, log: news, signal } = session;
  const { imsize } = settings.params.training.dataset;
  const { training_scales: scales } = settings.runtime;
  const print = fingerprint({
    kind: "mining",
    epoch,
    weights,
    imsize,
    scales,
    flip: settings.flip,
    images: [...images],
  });
  const kept = await RecordLog.open(cacheFolder(session.folder), print);
  const stage = news.stage(`mining ${epoch}`, images.length, kept.count);
  try {
    let done = 0;
    const { count } = kept;
    for await (const record of kept.read()) {
      done++;
      yield decodeGlobal(record);
    }
    if (done < count)
      news.warn(`mining ${epoch}: the cache is damaged after image ${done} of ${count}; extracting from there again`);
    const flips = streamOf(session, "epoch", epoch, "mining flips");
    const requests = flippedRequests(session, images.subarray(done), flips, done);
    for await (const { image, error } of loader.load(requests, { imageSize: imsize })) {
      if (error) throw error;
      const descriptor = await network.extractGlobal(image, scales);
      await kept.append(encodeGlobal(descriptor));
      stage.advance();
      yield descriptor;
      stopIfAsked(signal);
    }
  } finally {
    stage.end();
    await kept.close();
  }
}
