/** @file ASMK over one data set: index the database image by image, then rank it for every query. */
import { Asmk } from "../../asmk/asmk.js";
import { type IndexStatistics, indexStatistics } from "../../asmk/index-statistics.js";
import type { InvertedFile } from "../../asmk/inverted-file.js";
import type { Dataset } from "../../data/datasets/types.js";
import { stopIfAsked } from "../progress.js";
import { CachedFeatures } from "./feature-cache.js";
import { isSkipped } from "./feature-codec.js";
import { eachLocal, localRequest } from "./features.js";
import { type Photo, wholePhotos } from "./photos.js";
import { timedSearches, timesInWords } from "./query-times.js";
import { collectRankings, type Rankings } from "./rankings.js";
import { inferenceOf, type Session, secondsSince } from "./session.js";

/** Rankings of one data set by ASMK, and what it took. */
export interface LocalRanking extends Rankings {
  readonly statistics: IndexStatistics;
  /** Seconds to extract (or read) and index the database. */
  readonly indexSeconds: number;
}

/**
 * Indexes `dataset.images` and ranks them for `dataset.queries`; the codebook is taken from `trained`.
 * @param distractors an index whose images are ranked too, with negative ids
 */
export async function rankLocal(
  session: Session,
  trained: Asmk,
  dataset: Dataset,
  distractors?: InvertedFile,
): Promise<LocalRanking> {
  const { log } = session;
  const asmk = new Asmk(trained.parameters, session.backend);
  asmk.useCodebook(trained.codebook);
  if (distractors) asmk.useDistractors(distractors);

  const begin = performance.now();
  let id = 0;
  const skippedImages = new Set<number>();
  await withLocal(session, `${dataset.name} database`, wholePhotos(dataset.images), async (features) => {
    if (features) await asmk.addImage(id, features);
    else skippedImages.add(id);
    id++;
  });
  await asmk.commit();
  const indexSeconds = secondsSince(begin);
  const statistics = indexStatistics(asmk.index);
  log.note(`Indexed images in ${indexSeconds.toFixed(2)}s`);
  log.detail(`IVF stats: ${JSON.stringify(statistics)}`);
  const rankings = await queryAll(session, asmk, `${dataset.name} queries`, dataset.queries);
  return { ...rankings, skippedImages, statistics, indexSeconds };
}

/**
 * Ranks the index of `asmk` for every query; `label` is for messages. All queries are described before the first search:
 * a device that works on the next photo would be in the way of it.
 */
export async function queryAll(
  session: Session,
  asmk: Asmk,
  label: string,
  queries: readonly Photo[],
): Promise<Rankings> {
  const request = await localRequest(session.model, label, queries, inferenceOf(session.params), session.store.skips);
  const cached = await CachedFeatures.open(session.store, request);
  try {
    const computed = queries.length - Math.min(cached.log.count, queries.length);
    const begin = performance.now();
    const skippedQueries = new Set<number>();
    let query = 0;
    for await (const record of cached.records()) {
      if (isSkipped(record)) skippedQueries.add(query);
      query++;
      stopIfAsked(session.signal);
    }
    const extraction = computed > 0 ? secondsSince(begin) / computed : null;
    const { found, ...search } = await timedSearches(eachLocal(cached), (features) => {
      stopIfAsked(session.signal);
      return asmk.search(features ?? nothing(session));
    });
    const times = { extraction, ...search };
    session.log.detail(`Average query time (quant+aggr+search) is ${times.searchWarm.toFixed(3)}s`);
    session.log.note(`${label}: ${timesInWords(times)}`);
    return { ...collectRankings(found, times), skippedQueries };
  } finally {
    await cached.close();
  }
}

/** The features of a photo that was skipped. */
function nothing({ model }: Session) {
  return { count: 0, dim: model.network.outputDim, descriptors: new Float32Array(0) };
}

/** Runs `use` on the local features of each photo in order, null for one that was skipped. */
async function withLocal(
  session: Session,
  label: string,
  photos: readonly Photo[],
  use: (features: Parameters<Asmk["addImage"]>[1] | null) => Promise<void>,
): Promise<void> {
  const request = await localRequest(session.model, label, photos, inferenceOf(session.params), session.store.skips);
  const cached = await CachedFeatures.open(session.store, request);
  try {
    for await (const features of eachLocal(cached)) {
      await use(features);
      stopIfAsked(session.signal);
    }
  } finally {
    await cached.close();
  }
}
