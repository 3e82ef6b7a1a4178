/** @file Reads landmarks.json back and says which views are positives of which: what tuple mining starts from. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FileFormatError, MissingDataError } from "../../base/errors.js";
import { readRegular } from "../../base/regular-file.js";
import { parseJson } from "../../formats/json.js";
import type { LandmarkRecord } from "./job.js";
import type { LandmarkSet } from "./render.js";

const matrix = z.array(z.array(z.number()));
const landmark = z.looseObject({
  id: z.string(),
  views: z.array(z.looseObject({ image: z.string().min(1) })),
  ...{ share: matrix, angle: matrix, scale: matrix, light: matrix },
});
const landmarkSet = z.looseObject({
  parameters: z.looseObject({}),
  landmarks: z.array(landmark),
  distractors: z.array(landmark),
});

/**
 * The set below `root`. @throws MissingDataError when it is not there or not finished; FileFormatError when it is damaged
 */
export function readLandmarkSet(root: string): LandmarkSet {
  const file = join(root, "landmarks.json");
  if (!existsSync(file))
    throw new MissingDataError(
      "MissingFile",
      `${file}: not found; \`fire-gpu data render --out ${root}\` makes or finishes it`,
    );
  const parsed = landmarkSet.safeParse(parseJson(readRegular(file), file));
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw new FileFormatError("MalformedFile", file, `${path.join(".") || "the file"}: ${message}`);
  }
  // what is only told, not used, is taken as the renderer wrote it
  const set = parsed.data as unknown as LandmarkSet;
  for (const l of [...set.landmarks, ...set.distractors]) {
    const n = l.views.length;
    for (const matrix of [l.share, l.angle, l.scale, l.light])
      if (matrix.length !== n || matrix.some((row) => row.length !== n))
        throw new FileFormatError("MalformedFile", file, `${l.id}: expected matrices of ${n} × ${n} views`);
  }
  return set;
}

/** What makes two views of a landmark a training pair. */
export interface PositiveRule {
  /** Common surface, as a share of the view that shows less around it. */
  readonly share: number;
  /** Largest angle between the rays to the common surface, in degrees. */
  readonly angle: number;
}

/** Like the pairs of structure from motion: a fifth of a view in common, seen less than 60° apart. */
export const POSITIVE: PositiveRule = { share: 0.2, angle: 60 };

/** Indices of the landmark's views that are positives of view `i`, the view itself left out. */
export function positivesOf(l: LandmarkRecord, i: number, rule: PositiveRule = POSITIVE): number[] {
  const found: number[] = [];
  for (let j = 0; j < l.views.length; j++)
    if (j !== i && Math.max(l.share[i][j], l.share[j][i]) >= rule.share && l.angle[i][j] <= rule.angle) found.push(j);
  return found;
}
