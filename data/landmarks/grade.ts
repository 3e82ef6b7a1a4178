/** @file From geometry to the benchmark's words: easy, hard, junk. All thresholds are here, each with its reason. */
import type { Overlap } from "./overlap.js";

/** What a database view is to a query of the same landmark. */
export type Grade = "easy" | "hard" | "junk";

/** The thresholds; distances between a query q and a database view d of the same landmark. */
export const THRESHOLDS = {
  /**
   * Below this share of common surface, in both directions, nothing but chance or style could match: junk. A tenth of
   * a facade is about one bay.
   */
  junkShare: 0.1,
  /** Common surface on less of the database image than this is a speck: 1.5 % of 320 × 240 is a patch of 34 × 34 pixels. */
  junkPixels: 0.015,
  /** Seen more than this apart, even common surface shows nothing alike: planar patches are foreshortened four times. */
  junkAngle: 75,
  /** Easy needs half of one view's landmark in the other: a matcher that fails there is broken … */
  easyShare: 0.5,
  /** … and a good part of the other's too, or one is a detail of the other, which the benchmark calls hard. */
  easyShareBack: 0.25,
  /** Local descriptors on planar patches keep matching to about 30° out of plane (Mikolajczyk et al. 2005). */
  easyAngle: 30,
  /** Within one octave of size the pyramid of a query has a level that shows the same detail. */
  easyScale: 2,
  /** 0.5 separates two daylights (sun on the other side, overcast) from day against dusk or night. */
  easyLight: 0.5,
} as const;

/**
 * Grades database view d for query q: the overlap seen from each, the difference of their light (0 to 1), and the
 * share of d that shows the landmark.
 */
export function grade(qd: Overlap, dq: Overlap, light: number, visible: number): Grade {
  const t = THRESHOLDS;
  const most = Math.max(qd.share, dq.share);
  if (most < t.junkShare || dq.share * visible < t.junkPixels) return "junk";
  if (Math.min(qd.angle, dq.angle) > t.junkAngle) return "junk";
  const scale = Math.max(qd.scale, 1 / qd.scale);
  const easy =
    most >= t.easyShare &&
    Math.min(qd.share, dq.share) >= t.easyShareBack &&
    qd.angle <= t.easyAngle &&
    scale <= t.easyScale &&
    light <= t.easyLight;
  return easy ? "easy" : "hard";
}
