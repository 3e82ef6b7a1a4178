/**
 * @file Voting over the inverted file on a device (asmk.md §7): one kernel over all (query word, entry) pairs of many
 * queries. Segments are visited one after another for all queries, so an index larger than memory is read once a call.
 */
import type { Device } from "../../engine/device.js";
import type { InvertedFile } from "../inverted-file.js";
import { checkSearchOptions, type SearchOptions } from "../parameters.js";
import type { Ranking } from "../rank.js";
import { checkQuery, searchIndex } from "../search.js";
import { codeLength, type WordRows } from "../word-rows.js";
import type { Kept, Resident } from "./kept.js";
import { deviceBytes, SegmentShards } from "./segment-shards.js";
import { MOST_POWER, Voting } from "./voting.js";

/**
 * As `searchIndex` of ../search.ts, on a device. Scores differ from the twin's by the rounding of float32 factors, about
 * 1e-7 of a score, and by half a quantum a vote (vote-plan.ts). Those of binary codes are the same in every run and on
 * every device.
 * @param kept holds device copies of segments between calls
 */
export async function searchOnDevice(
  device: Device,
  kept: Kept<object, Resident>,
  index: InvertedFile,
  queries: readonly WordRows[],
  options: SearchOptions,
): Promise<Ranking[]> {
  checkSearchOptions(options);
  for (const query of queries) checkQuery(index, query);
  if (needsTwin(index, options)) return searchIndex(index, queries, options);
  const length = codeLength(index.dim, index.binary);
  const voting = new Voting(device, index, queries, options);
  try {
    const refs = index.segments;
    // while one segment is searched the next one is read from its file
    const fetch = (s: number) => {
      const loading = s < refs.length && !kept.has(refs[s]) ? refs[s].load() : undefined;
      // thrown where it is awaited; without this line Node would also report it as unhandled
      loading?.catch(() => {});
      return loading;
    };
    let next = fetch(0);
    for (const [s, ref] of refs.entries()) {
      const loading = next;
      next = fetch(s + 1);
      const bytes = deviceBytes(ref.entries, length, index.binary);
      const make = async () =>
        new SegmentShards(device, await (loading ?? ref.load()), length, index.binary, kept.most);
      await kept.use(ref, bytes, make, (shards) => voting.visit(ref, shards as SegmentShards));
    }
    return await voting.rankings();
  } finally {
    voting.free();
  }
}

/** Powers of similarities that grow without bound, or that only the CPU's pow defines. */
function needsTwin(index: InvertedFile, { alpha, similarityThreshold }: SearchOptions): boolean {
  return alpha < 0 || (!index.binary && similarityThreshold < 0 && alpha > MOST_POWER);
}
