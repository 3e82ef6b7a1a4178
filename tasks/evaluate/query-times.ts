/** @file How long queries take: their extraction and their search apart, and a search with compilation apart from others. */

/** Seconds. */
export interface QueryTimes {
  /** Mean of a query whose features were computed in this run: reading the photo and the network; null when none was. */
  readonly extraction: number | null;
  /** The first search, with what happens once: compilation, the index's way to the device. */
  readonly searchCold: number;
  /** Mean search: quantise, aggregate, rank. */
  readonly searchWarm: number;
}

/**
 * Searches for each of `queries` in turn. The first is searched twice: nothing that happens once is in the warm mean, also
 * of a single query.
 */
export async function timedSearches<Q, R>(
  queries: AsyncIterable<Q> | Iterable<Q>,
  search: (query: Q) => R | Promise<R>,
): Promise<{ found: R[]; searchCold: number; searchWarm: number }> {
  const found: R[] = [];
  const run = async (query: Q): Promise<[R, number]> => {
    const begin = performance.now();
    const result = await search(query);
    return [result, (performance.now() - begin) / 1000];
  };
  let searchCold = 0;
  let warm = 0;
  for await (const query of queries) {
    if (found.length === 0) [, searchCold] = await run(query);
    const [result, seconds] = await run(query);
    found.push(result);
    warm += seconds;
  }
  return { found, searchCold, searchWarm: warm / found.length };
}

/** "extraction 0.41 s a query, search 1.2 ms (the first 35 ms)". */
export function timesInWords({ extraction, searchCold, searchWarm }: QueryTimes): string {
  const extracted = extraction === null ? "features of an earlier run" : `extraction ${seconds(extraction)} a query`;
  return `${extracted}, search ${seconds(searchWarm)} (the first, with compilation, ${seconds(searchCold)})`;
}

function seconds(value: number): string {
  if (value >= 1) return `${value.toFixed(1)} s`;
  return `${Number((value * 1000).toPrecision(2))} ms`;
}
