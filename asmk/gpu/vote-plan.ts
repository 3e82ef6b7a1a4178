/** @file The (query word, entry) pairs of a launch, as shaders/asmk/vote.wgsl walks them. */

/** A query of a launch. */
export interface VotingQuery {
  readonly words: Int32Array;
  /** Its first row among the codes of the launch. */
  readonly firstCode: number;
  /** Which sums it adds to. */
  readonly slot: number;
  /** Quanta a unit of score; see `quantaFor`. */
  readonly quanta: number;
}

/** Pairs of one launch. */
export interface VotePlan {
  readonly pairs: number;
  /** Pieces of five u32: end, shift, code, query, weight (float bits). */
  readonly pieces: Uint32Array;
  /** Piece of the first pair of each tile. */
  readonly firstPiece: Uint32Array;
}

/** u32 of a Piece of shaders/asmk/vote.wgsl. */
export const PIECE_WORDS = 5;

export interface PlanLimits {
  /** Pairs a workgroup. */
  readonly tile: number;
  readonly mostPairs: number;
  readonly mostPieces: number;
}

/**
 * Quanta a unit of score: a power of two such that the highest score there can be, √Σ idf over the query's words before
 * its division by the same root (by Cauchy-Schwarz, similarities being at most 1), is at most 2^`bits` quanta.
 * @param queryNorm Σ idf, above 0
 * @param bits see `scoreBits`; sums have 63
 */
export function quantaFor(queryNorm: number, bits: number): number {
  return 2 ** (bits - Math.ceil(Math.log2(queryNorm) / 2));
}

/**
 * How fine scores are, so that the smallest votes keep their order. Similarities of binary codes are whole 64ths or coarser, and
 * with the usual powers 2⁴⁴ leave their votes thousands of quanta, while few reach the upper half of a sum, which costs an
 * atomic more. Similarities of floats come as near to nothing as float32 can tell.
 */
export function scoreBits(binary: boolean, alpha: number): number {
  return binary && alpha <= 4 ? 44 : 60;
}

/**
 * The pairs of all queries with entries begin … end−1 of a segment, in as many launches as the limits ask for.
 * @param offsets of the segment, by word
 * @param idf by word
 */
export function* votePlans(
  queries: readonly VotingQuery[],
  offsets: Uint32Array,
  [begin, end]: readonly [number, number],
  idf: Float32Array,
  limits: PlanLimits,
): Generator<VotePlan> {
  let plan = new PlanBuilder(limits.tile);
  for (const { words, firstCode, slot, quanta } of queries) {
    for (let row = 0; row < words.length; row++) {
      const word = words[row];
      const last = Math.min(end, offsets[word + 1]);
      for (let entry = Math.max(begin, offsets[word]); entry < last; ) {
        const count = Math.min(last - entry, limits.mostPairs - plan.pairs);
        plan.add(entry - begin, count, firstCode + row, slot, idf[word] * quanta);
        entry += count;
        if (plan.pairs === limits.mostPairs || plan.count === limits.mostPieces) {
          yield plan.finish();
          plan = new PlanBuilder(limits.tile);
        }
      }
    }
  }
  if (plan.pairs > 0) yield plan.finish();
}

class PlanBuilder {
  pairs = 0;
  count = 0;
  private words = new Uint32Array(1024 * PIECE_WORDS);
  private floats = new Float32Array(this.words.buffer);
  private readonly firsts: number[] = [];

  constructor(private readonly tile: number) {}

  add(entry: number, count: number, code: number, slot: number, weight: number): void {
    if ((this.count + 1) * PIECE_WORDS > this.words.length) this.grow();
    const at = this.count * PIECE_WORDS;
    const begin = this.pairs;
    this.pairs += count;
    this.words[at] = this.pairs;
    // modulo 2^32, which the array applies
    this.words[at + 1] = entry - begin;
    this.words[at + 2] = code;
    this.words[at + 3] = slot;
    this.floats[at + 4] = weight;
    while (this.firsts.length * this.tile < this.pairs) this.firsts.push(this.count);
    this.count++;
  }

  finish(): VotePlan {
    return {
      pairs: this.pairs,
      pieces: this.words.subarray(0, this.count * PIECE_WORDS),
      firstPiece: Uint32Array.from(this.firsts),
    };
  }

  private grow(): void {
    const words = new Uint32Array(2 * this.words.length);
    words.set(this.words);
    this.words = words;
    this.floats = new Float32Array(words.buffer);
  }
}
