/** @file How large a landmark is, and how far around it one can walk. */

/** Extent of a landmark around the vertical through the origin. */
export interface Extent {
  readonly radius: number;
  readonly height: number;
  /** Largest azimuth from the front at which cameras stand. */
  readonly around: number;
}
