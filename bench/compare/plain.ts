/** @file Plain JavaScript on typed arrays, one thread. */
import { hammingTopK } from "../../asmk/nearest-codes.js";
import { cannot, type Prepared } from "./peer.js";
import type { Work } from "./works.js";

/** Searches binary codes by a double loop. */
export async function plain(work: Work): Promise<Prepared> {
  if (work.kind !== "hamming") return cannot("plain-js", work);
  const { codes, queries, length, neighbours } = work;
  return { run: async () => hammingTopK(codes, queries, length, neighbours).indices };
}
