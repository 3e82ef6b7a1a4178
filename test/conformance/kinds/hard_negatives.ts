/** @file Negatives of an epoch from given descriptors and draws: cirtorch's rule, and SOLAR's with and without its fault. */
import { pairsAt } from "../../../data/tuples/draw.js";
import { HardNegatives, type MinedNegatives } from "../../../data/tuples/hard-negatives.js";
import { solarColumns } from "../../../data/tuples/solar.js";
import { type Check, checkThat, compareClose, compareExact, type GoldenCase } from "../case.js";

export default async function run(golden: GoldenCase): Promise<Check[]> {
  const { json } = golden;
  const drawn = golden.read("drawn_query_positions").data as Int32Array;
  const pool = golden.read("pool_images").data as Int32Array;
  const solar = golden.has("nidxs_without_the_batch_bug");
  const first = (p: number | number[]) => (Array.isArray(p) ? p[0] : p);
  const { queries, positives } = pairsAt(
    { queries: Int32Array.from(json.qidxs_pool), positives: Int32Array.from(json.pidxs_pool.map(first)) },
    drawn,
  );
  const plain = (n: number) => Int32Array.from({ length: n }, (_, i) => i);
  // SOLAR draws each positive at random from a list; the draw is given, its members can be checked.
  const fixed = solar
    ? checkThat(
        "pidxs",
        [...(golden.read("pidxs").data as Int32Array)].every((p, i) => json.pidxs_pool[drawn[i]].includes(p)),
      )
    : golden.compare("pidxs", positives);
  const checks = [golden.compare("qidxs", queries), fixed];
  if (!solar) return [...checks, ...minedChecks(golden, "nidxs", mine(golden, queries, pool, plain))];
  return [
    ...checks,
    golden.compare("nidxs_without_the_batch_bug", mine(golden, queries, pool, plain).images),
    ...minedChecks(golden, "nidxs", mine(golden, queries, pool, solarColumns)),
  ];
}

/** @param columns which image's descriptor stands in each column of a list of n */
function mine(
  golden: GoldenCase,
  queries: Int32Array,
  pool: Int32Array,
  columns: (n: number) => Int32Array,
): MinedNegatives {
  const { cluster, params } = golden.json as { cluster: (string | number)[]; params: { nnum: number } };
  const clusters = Int32Array.from(cluster, (c) => cluster.indexOf(c));
  const dim = golden.note("descriptors").shape[1];
  const all = golden.f32("descriptors");
  const descriptors = (images: Int32Array) => {
    const from = columns(images.length);
    return Array.from(from, (c) =>
      c < 0 ? new Float32Array(dim) : all.subarray(images[c] * dim, (images[c] + 1) * dim),
    );
  };
  const rows = new Float32Array(queries.length * dim);
  for (const [q, d] of descriptors(queries).entries()) rows.set(d, q * dim);
  const mining = new HardNegatives(
    rows,
    dim,
    queries.map((q) => clusters[q]),
    params.nnum,
  );
  for (const [i, d] of descriptors(pool).entries()) mining.offer(pool[i], clusters[pool[i]], d);
  return mining.result();
}

function minedChecks(golden: GoldenCase, name: string, { images, meanDistance }: MinedNegatives): Check[] {
  const want = golden.read(name).data as Int32Array;
  // A query whose descriptor is zero scores 0 with all images: their order is that of an unstable sort.
  const blank: number[] = golden.json.queries_with_zero_vector ?? [];
  const width = golden.json.params.nnum;
  const kept = (ids: Int32Array) => ids.filter((_, i) => !blank.includes(Math.floor(i / width)));
  const average = golden.json.average_negative_distance;
  const mean = compareClose("average_negative_distance", [meanDistance], [average], { rel_max: 1e-6 });
  return [compareExact(name, kept(images), kept(want)), ...(blank.length > 0 ? [] : [mean])];
}
