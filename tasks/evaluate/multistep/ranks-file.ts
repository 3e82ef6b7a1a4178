/** @file Reads the reference's results pickle {metadata, query_ids, ranks, scores}, to join those of partitions. */
import { FileFormatError } from "../../../base/errors.js";
import { readPickle } from "../../../formats/pickle.js";
import { NdArray, plain } from "../../../formats/python.js";
import { readFileBytes } from "../../../formats/source.js";
import type { Rankings } from "../rankings.js";

/**
 * Reads rankings as `writeRanks`, or the reference, wrote them.
 * @param queries how many there must be: the reference leaves queries without descriptors out, and rows would shift
 * @throws FileFormatError MissingKey, ShapeMismatch, and those of the pickle reader
 */
export function readRanks(file: string, queries: number): Rankings {
  const top = plain(readPickle(readFileBytes(file), file)) as Record<string, unknown> | null;
  const { metadata, ranks, scores } = typeof top === "object" && top !== null ? top : {};
  if (!(ranks instanceof NdArray && ranks.data instanceof BigInt64Array))
    throw new FileFormatError("MissingKey", file, "ranks: expected a numpy int64 array");
  if (!(scores instanceof NdArray && scores.data instanceof Float64Array))
    throw new FileFormatError("MissingKey", file, "scores: expected a numpy float64 array");
  const [rows, depth] = ranks.shape;
  if (ranks.shape.length !== 2 || rows !== queries || scores.data.length !== ranks.data.length)
    throw new FileFormatError(
      "ShapeMismatch",
      file,
      `expected ranks and scores of ${queries} queries, got [${ranks.shape}] and [${scores.shape}]`,
    );
  const average = (metadata as Record<string, unknown> | undefined)?.query_avg_time;
  const querySeconds = typeof average === "number" ? average : Number.NaN;
  return { queries, depth, ids: Int32Array.from(ranks.data, Number), scores: scores.data, querySeconds, times: null };
}

/** The rankings of consecutive queries in one. @throws FileFormatError when they do not rank equally many images */
export function joinRankings(parts: readonly Rankings[], files: readonly string[]): Rankings {
  const { depth } = parts[0];
  for (const [i, part] of parts.entries()) {
    if (part.depth === depth) continue;
    const detail = `expected ${depth} images a query as in the other partitions, got ${part.depth}; it was made from another index`;
    throw new FileFormatError("ShapeMismatch", files[i], detail);
  }
  const queries = parts.reduce((n, p) => n + p.queries, 0);
  const ids = new Int32Array(queries * depth);
  const scores = new Float64Array(queries * depth);
  let at = 0;
  let seconds = 0;
  for (const part of parts) {
    ids.set(part.ids, at);
    scores.set(part.scores, at);
    at += part.ids.length;
    seconds += part.querySeconds * part.queries;
  }
  return { queries, depth, ids, scores, querySeconds: seconds / queries, times: null };
}
