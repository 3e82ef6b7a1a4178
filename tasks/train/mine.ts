/**
 * @file The tuples of one epoch: pairs and pool are drawn, the network of the present describes them, and each query gets
 * the hardest negatives (spec: fire.md §5.3). Descriptors go to a log as they come, so that a killed run continues.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { drawEpoch } from "../../data/tuples/draw.js";
import { HardNegatives } from "../../data/tuples/hard-negatives.js";
import type { RetrievalNetwork } from "../../nets/network.js";
import { decodeGlobal, decodeSkipped, encodeGlobal, encodeSkipped } from "../evaluate/feature-codec.js";
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
  // Pairs whose query can be used, in order; their descriptors fill the first rows.
  const usable: number[] = [];
  let mining: HardNegatives | undefined;
  let i = 0;
  for await (const descriptor of describe(session, epoch, network, weights, Int32Array.from([...queries, ...pool]))) {
    const at = i++;
    if (at < queries.length) {
      if (!descriptor) continue;
      rows.set(descriptor, usable.length * outputDim);
      usable.push(at);
      continue;
    }
    mining ??= negativesOf(usable.map((q) => queries[q]));
    const image = pool[at - queries.length];
    if (descriptor) mining.offer(image, set.clusters[image], descriptor);
  }
  session.skips.requireSome(usable.length, queries.length, "mining");
  const { images: negatives, meanDistance } = (mining ?? negativesOf(queries)).result();
  const tuples = new Int32Array(usable.length * width);
  for (const [t, q] of usable.entries()) {
    tuples.set(images.subarray(q * width, q * width + 2), t * width);
    tuples.set(negatives.subarray(t * nnum, (t + 1) * nnum), t * width + 2);
  }
  return { width, images: tuples, negativeDistance: meanDistance };

  function negativesOf(asked: ArrayLike<number>): HardNegatives {
    const clusters = Int32Array.from(asked, (q) => set.clusters[q]);
    return new HardNegatives(rows.subarray(0, asked.length * outputDim), outputDim, clusters, nnum);
  }
}

/** Where the descriptors of the mining under way are kept; removed by whoever has saved the tuples. */
function cacheFolder(folder: string): string {
  return join(folder, "cache", "mining");
}

/** Forgets the descriptors of the last mining. */
export function dropMiningCache({ folder }: Pick<TrainSession, "folder">): void {
  rmSync(cacheFolder(folder), { recursive: true, force: true });
}

/** Global descriptors of images in order, null for one that is skipped; kept ones first. */
async function* describe(
  session: TrainSession,
  epoch: number,
  network: RetrievalNetwork,
  weights: string,
  images: Int32Array,
): AsyncGenerator<Float32Array | null> {
  const { settings, set, loader, log: news, skips, signal } = session;
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
    // A run that stops at bad photos does not take over what one that skipped them kept.
    ...(skips.policy === "stop" ? { stop: true } : {}),
  });
  const kept = await RecordLog.open(cacheFolder(session.folder), print);
  const stage = news.stage(`mining ${epoch}`, images.length, kept.count);
  try {
    let done = 0;
    const { count } = kept;
    for await (const record of kept.read()) {
      const skipped = decodeSkipped(record, set.images[images[done]]);
      if (skipped) skips.add(skipped);
      done++;
      yield skipped ? null : decodeGlobal(record);
    }
    if (done < count)
      news.warn(`mining ${epoch}: the cache is damaged after image ${done} of ${count}; extracting from there again`);
    const flips = streamOf(session, "epoch", epoch, "mining flips");
    const requests = flippedRequests(session, images.subarray(done), flips, done);
    for await (const { image, error } of loader.load(requests, { imageSize: imsize })) {
      if (error) skips.add(error);
      const descriptor = error ? null : await network.extractGlobal(image, scales);
      await kept.append(error ? encodeSkipped(error) : encodeGlobal(descriptor as Float32Array));
      stage.advance();
      yield descriptor;
      stopIfAsked(signal);
    }
  } finally {
    stage.end();
    await kept.close();
  }
}
