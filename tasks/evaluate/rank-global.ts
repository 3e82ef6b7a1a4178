/** @file Global descriptors over one data set: every query ranks the database by dot product. */
import { rankScores } from "../../asmk/rank.js";
import type { Dataset } from "../../data/datasets/types.js";
import { CachedFeatures } from "./feature-cache.js";
import { allGlobal, alongGlobal, globalRequest, localRequest } from "./features.js";
import { type Photo, wholePhotos } from "./photos.js";
import { timedSearches, timesInWords } from "./query-times.js";
import { collectRankings, type Rankings } from "./rankings.js";
import { inferenceOf, type Session, secondsSince } from "./session.js";

/**
 * Ranks `dataset.images` for `dataset.queries` by the similarity of global descriptors; ties by ascending id.
 * @param localToo keep local features as well, which then need no second pass over the photos
 */
export async function rankGlobal(session: Session, dataset: Dataset, localToo: boolean): Promise<Rankings> {
  const database = await descriptors(session, `${dataset.name} database`, wholePhotos(dataset.images), localToo);
  const label = `${dataset.name} queries`;
  const queries = await descriptors(session, label, dataset.queries, localToo);
  const { dim } = database;
  const { found, ...search } = await timedSearches(dataset.queries.keys(), (q) =>
    rankScores(similarities(database, queries.data.subarray(q * dim, (q + 1) * dim)), null),
  );
  const times = { extraction: queries.extraction, ...search };
  session.log.note(`${label}: ${timesInWords(times)}`);
  return {
    ...collectRankings(found, times),
    skippedQueries: queries.skipped,
    skippedImages: database.skipped,
  };
}

async function descriptors(session: Session, label: string, photos: readonly Photo[], localToo: boolean) {
  const { model, store } = session;
  const inference = inferenceOf(session.params);
  const request = await globalRequest(model, `${label} (global)`, photos, inference, store.skips);
  const companion = localToo
    ? alongGlobal(model, await localRequest(model, label, photos, inference, store.skips), inference)
    : undefined;
  const cached = await CachedFeatures.open(store, request, companion);
  try {
    const computed = photos.length - Math.min(cached.log.count, photos.length);
    const begin = performance.now();
    const all = await allGlobal(cached, photos.length);
    return { ...all, extraction: computed > 0 ? secondsSince(begin) / computed : null };
  } finally {
    await cached.close();
  }
}

/** Less than the dot product of any two unit vectors. */
const LAST = -2;

/** Dot product of each row with the query, in float64; skipped rows come last. */
function similarities(
  { data: rows, skipped }: { readonly data: Float32Array; readonly skipped: ReadonlySet<number> },
  query: Float32Array,
): Float64Array {
  const dim = query.length;
  const out = new Float64Array(rows.length / dim);
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += rows[i * dim + d] * query[d];
    out[i] = skipped.has(i) ? LAST : sum;
  }
  return out;
}
