/** @file How well two score matrices over the same images agree: the measures of the end-to-end cases. */

export interface Agreement {
  scoreRmsRel: number;
  scoreMaxAbs: number;
  top1Same: number;
  top10OverlapMean: number;
  top10OverlapMin: number;
  /** Kendall tau-b over the first 100 images of the reference, mean over queries. */
  kendallTauMean: number;
}

/** @param ours @param reference one array of scores for each query, by image index */
export function agreement(ours: readonly Float64Array[], reference: readonly Float64Array[]): Agreement {
  let diff = 0;
  let norm = 0;
  let scoreMaxAbs = 0;
  let top1 = 0;
  let overlapSum = 0;
  let overlapMin = 1;
  let tau = 0;
  reference.forEach((r, q) => {
    const s = ours[q];
    for (let i = 0; i < r.length; i++) {
      diff += (s[i] - r[i]) ** 2;
      norm += r[i] ** 2;
      scoreMaxAbs = Math.max(scoreMaxAbs, Math.abs(s[i] - r[i]));
    }
    const a = order(s);
    const b = order(r);
    if (a[0] === b[0]) top1++;
    const ten = new Set(b.slice(0, 10));
    const overlap = a.slice(0, 10).filter((i) => ten.has(i)).length / Math.min(10, r.length);
    overlapSum += overlap;
    overlapMin = Math.min(overlapMin, overlap);
    tau += kendallTauB(b.slice(0, 100), s, r);
  });
  const n = reference.length;
  return {
    scoreRmsRel: Math.sqrt(diff / norm),
    scoreMaxAbs,
    top1Same: top1 / n,
    top10OverlapMean: overlapSum / n,
    top10OverlapMin: overlapMin,
    kendallTauMean: tau / n,
  };
}

/** Indices by falling score, ties by index. */
export function order(scores: Float64Array): number[] {
  return Array.from(scores.keys()).sort((i, j) => scores[j] - scores[i] || i - j);
}

function kendallTauB(images: readonly number[], s: Float64Array, r: Float64Array): number {
  let concordant = 0;
  let tiesS = 0;
  let tiesR = 0;
  for (let i = 0; i < images.length; i++)
    for (let j = 0; j < i; j++) {
      const a = Math.sign(s[images[i]] - s[images[j]]);
      const b = Math.sign(r[images[i]] - r[images[j]]);
      concordant += a * b;
      if (a === 0) tiesS++;
      if (b === 0) tiesR++;
    }
  const pairs = (images.length * (images.length - 1)) / 2;
  const scale = Math.sqrt((pairs - tiesS) * (pairs - tiesR));
  return scale === 0 ? 1 : concordant / scale;
}
