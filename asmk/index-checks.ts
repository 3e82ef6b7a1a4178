/**
 * @file Numbers of an index file that decide how much is read, allocated or added up. A checksum says that they are those
 * that were written, not that they make sense: a forged file has right checksums.
 */
import { FileFormatError } from "../base/errors.js";
import { firstNotFinite } from "../base/finite.js";
import type { StoredSegment } from "./index-layout.js";
import type { InvertedFileState } from "./inverted-file.js";
import type { Segment } from "./segment.js";

/** Offsets must rise from the first entry to the last. @throws FileFormatError */
export function checkOffsets(
  offsets: Uint32Array,
  { entries, firstImage, endImage }: StoredSegment,
  file: string,
): void {
  const fail = (detail: string) =>
    new FileFormatError("MalformedFile", file, `segment of images ${firstImage} … ${endImage - 1}: ${detail}`);
  const last = offsets[offsets.length - 1];
  if (offsets[0] !== 0 || last !== entries) throw fail(`offsets end at ${last} of ${entries} entries`);
  for (let w = 1; w < offsets.length; w++)
    if (offsets[w - 1] > offsets[w]) throw fail(`offsets fall after word ${w - 1}`);
}

/** Image ids are positions in other arrays, and codes are compared. Offsets must be right. @throws FileFormatError */
export function checkEntries({ firstImage, endImage, offsets, images, codes }: Segment, file: string): void {
  const fail = (detail: string) =>
    new FileFormatError("MalformedFile", file, `segment of images ${firstImage} … ${endImage - 1}: ${detail}`);
  for (let w = 0; w + 1 < offsets.length; w++)
    for (let e = offsets[w]; e < offsets[w + 1]; e++) {
      const least = e === offsets[w] ? firstImage : images[e - 1] + 1;
      if (images[e] < least || images[e] >= endImage) throw fail(`image id ${images[e]} in the list of word ${w}`);
    }
  const odd = codes instanceof Float32Array ? firstNotFinite(codes) : -1;
  if (odd >= 0) throw fail(`value ${odd} of its codes is ${codes[odd]}`);
}

/** Lists are made as long as `counts` says. @param lengths of the lists that are there @throws FileFormatError */
export function checkCounts(
  { counts, committedCounts }: Pick<InvertedFileState, "counts" | "committedCounts">,
  lengths: ArrayLike<number>,
  file: string,
): void {
  const fail = (detail: string) => new FileFormatError("MalformedFile", file, detail);
  for (let w = 0; w < counts.length; w++) {
    if (counts[w] !== lengths[w])
      throw fail(`word ${w}: counts say ${counts[w]} entries, its lists have ${lengths[w]}`);
    if (committedCounts[w] < 0 || committedCounts[w] > counts[w])
      throw fail(`word ${w}: ${committedCounts[w]} of ${counts[w]} entries are committed`);
  }
}

/** Scores are weighted by the words' idf and divided by the images' norms. @throws FileFormatError */
export function checkScoring({ idf, norms }: Pick<InvertedFileState, "idf" | "norms">, file: string): void {
  for (const [name, values] of [
    ["idf", idf],
    ["norms", norms],
  ] as const) {
    const at = values.findIndex((v) => !(v >= 0 && v < Number.POSITIVE_INFINITY));
    if (at >= 0)
      throw new FileFormatError(
        "MalformedFile",
        file,
        `${name}: value ${at} is ${values[at]}, expected a number of 0 or more`,
      );
  }
}
