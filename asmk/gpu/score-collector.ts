/** @file Scores of a query, range of images after range, to its ranking. */
import { type Ranking, rankScores } from "../rank.js";

/** Takes scores in ascending image order; images that are left out score 0. Holds all scores, or only the best. */
export class ScoreCollector {
  private readonly all: Float64Array | undefined;
  private readonly best: { ids: number[]; scores: number[] } = { ids: [], scores: [] };
  private next = 0;

  constructor(
    private readonly imageCount: number,
    private readonly topk: number | null,
  ) {
    if (topk === null || topk * 4 >= imageCount) this.all = new Float64Array(imageCount);
  }

  /** Scores of images first, first + 1, …; `first` is at or after the end of the range before. */
  add(first: number, scores: Float64Array): void {
    if (this.all) this.all.set(scores, first);
    else {
      this.skipTo(first);
      this.keep(rankScores(scores, this.topk), first);
    }
    this.next = first + scores.length;
  }

  /** The ranking of all images. @param imidOffset subtracted from the ids */
  ranking(imidOffset: number): Ranking {
    if (this.all) return rankScores(this.all, this.topk, imidOffset);
    this.skipTo(this.imageCount);
    const { ids, scores } = this.best;
    return { ids: Int32Array.from(ids, (id) => id - imidOffset), scores: Float64Array.from(scores) };
  }

  /** Images without entries can rank as well: the first of them, with score 0. */
  private skipTo(first: number): void {
    const skipped = Math.min(first - this.next, this.topk ?? 0);
    if (skipped > 0) this.keep(rankScores(new Float64Array(skipped), null), this.next);
  }

  private keep({ ids, scores }: Ranking, first: number): void {
    const { best } = this;
    // ranges come in ascending order and the sort is stable, so equal scores stay in the order of their ids
    const merged = [...best.ids.keys()].map((i) => ({ id: best.ids[i], score: best.scores[i] }));
    ids.forEach((id, i) => {
      merged.push({ id: first + id, score: scores[i] });
    });
    merged.sort((a, b) => b.score - a.score);
    merged.length = Math.min(merged.length, this.topk ?? merged.length);
    best.ids = merged.map((m) => m.id);
    best.scores = merged.map((m) => m.score);
  }
}
