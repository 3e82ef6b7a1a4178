/** @file The reference's inverted file cache, a pickle {type: "IVF", params: {use_idf}, state} (asmk.md §6, §9). */
import { FileFormatError } from "../base/errors.js";
import { Budget } from "../formats/budget.js";
import { readPickle } from "../formats/pickle.js";
import { NdArray, type Plain, plain } from "../formats/python.js";
import { checkScoring } from "./index-checks.js";
import { InvertedFile, type InvertedFileState } from "./inverted-file.js";
import { residentRef, type Segment, segmentCapacity } from "./segment.js";
import { codeLength } from "./word-rows.js";

/** One list per word: ids and codes of the entries in use. */
interface Lists {
  readonly words: number;
  readonly dim: number;
  readonly binary: boolean;
  readonly images: readonly ArrayLike<number | bigint>[];
  readonly codes: readonly (Uint32Array | Float32Array)[];
  readonly counts: Int32Array;
}

type CodeArray = new (length: number) => Uint32Array | Float32Array;

/**
 * Reads a cache of the reference. Garbage beyond `counts` is dropped; a missing `imid_offset` is 0.
 * @param bytes the file; `file` is its name for messages
 * @param dim dimension of the descriptors, which the cache does not tell; by default the width of the codes
 * @throws FileFormatError MissingKey, MalformedFile, ShapeMismatch, and those of the pickle reader
 */
export function readReferenceIndex(bytes: Uint8Array, file: string, dim?: number): InvertedFile {
  const top = dict(plain(readPickle(bytes, file)), "the pickle", file);
  if (top.type !== "IVF")
    throw new FileFormatError("MalformedFile", file, `expected type "IVF", got ${JSON.stringify(top.type)}`);
  const state = dict(top.state, "state", file);
  const useIdf = dict(top.params, "params", file).use_idf;
  if (typeof useIdf !== "boolean") throw missing(file, "params.use_idf", "a bool");
  const counts = array(state.counts, "state.counts", Int32Array, file);
  const idf = array(state.idf, "state.idf", Float32Array, file);
  const norms = array(state.norm_factor, "state.norm_factor", Float64Array, file);
  const imageCount = count(state.n_images, "state.n_images", file);
  const imidOffset = state.imid_offset === undefined ? 0 : count(state.imid_offset, "state.imid_offset", file);
  const lists = readLists(state, counts, dim, new Budget(file, bytes.length, "MalformedFile"));
  if (idf.length !== lists.words || norms.length !== imageCount)
    throw new FileFormatError(
      "ShapeMismatch",
      file,
      `expected ${lists.words} idf values and ${imageCount} norm factors, got ${idf.length} and ${norms.length}`,
    );
  if (imidOffset > imageCount)
    throw new FileFormatError("MalformedFile", file, `${imidOffset} distractors among ${imageCount} images`);
  checkScoring({ idf, norms }, file);
  const inverted: InvertedFileState = {
    ...{ words: lists.words, dim: lists.dim, binary: lists.binary, useIdf, imidOffset, imageCount, counts, idf, norms },
    committedCounts: counts.slice(),
    segments: segmentsFromLists(lists, imageCount, file).map(residentRef),
  };
  return InvertedFile.from(inverted);
}

function readLists(state: Dict, counts: Int32Array, dim: number | undefined, budget: Budget): Lists {
  const { file } = budget;
  const { ivf_vecs: vecs, ivf_image_ids: ids } = state;
  if (!Array.isArray(vecs) || !Array.isArray(ids)) throw missing(file, "state.ivf_vecs, state.ivf_image_ids", "lists");
  if (vecs.length !== counts.length || ids.length !== counts.length)
    throw new FileFormatError(
      "ShapeMismatch",
      file,
      `expected ${counts.length} lists, got ${vecs.length} and ${ids.length}`,
    );
  const sample = vecs.find((v) => v instanceof NdArray);
  const binary = sample?.dtype !== "F32";
  const width = sample?.shape[1] ?? codeLength(dim ?? 0, true);
  const dimension = dim ?? (binary ? 32 * width : width);
  if (dimension < 1)
    throw new FileFormatError("UnsupportedFeature", file, "an empty index does not tell its dimension; pass dim");
  if (codeLength(dimension, binary) !== width)
    throw new FileFormatError("ShapeMismatch", file, `codes of width ${width} do not belong to dimension ${dimension}`);
  const type: CodeArray = binary ? Uint32Array : Float32Array;
  const lists = [...counts.keys()].map((w) => {
    const used = counts[w];
    if (used === 0) return { images: [], codes: new type(0) };
    const codes = array(vecs[w], `state.ivf_vecs[${w}]`, type, file);
    const images = array(ids[w], `state.ivf_image_ids[${w}]`, BigInt64Array, file);
    // any number of words may name the same arrays
    budget.take(Math.max(0, used) * (8 + 4 * width), "the lists of its words");
    if (used < 0 || used > images.length || codes.length !== images.length * width)
      throw new FileFormatError(
        "ShapeMismatch",
        file,
        `word ${w}: ${used} entries in ${images.length} ids and ${codes.length} code values of width ${width}`,
      );
    return { images: images.subarray(0, used), codes: codes.subarray(0, used * width) };
  });
  return {
    ...{ words: counts.length, dim: dimension, binary, counts },
    images: lists.map((l) => l.images),
    codes: lists.map((l) => l.codes),
  };
}

/** Cuts whole lists into segments of consecutive images, none above the capacity. */
function segmentsFromLists(lists: Lists, imageCount: number, file: string): Segment[] {
  const { words, dim, binary, images, codes } = lists;
  const perImage = new Uint32Array(imageCount);
  for (let w = 0; w < words; w++) {
    let previous = -1;
    for (let e = 0; e < images[w].length; e++) {
      const id = Number(images[w][e]);
      if (!(id > previous && id < imageCount))
        throw new FileFormatError("MalformedFile", file, `word ${w}: image id ${id} after ${previous}`);
      perImage[id]++;
      previous = id;
    }
  }
  const length = codeLength(dim, binary);
  const at = new Uint32Array(words);
  return imageRanges(perImage, segmentCapacity(dim, binary)).map(({ firstImage, endImage, entries }) => {
    const offsets = new Uint32Array(words + 1);
    const segmentImages = new Uint32Array(entries);
    const segmentCodes = binary ? new Uint32Array(entries * length) : new Float32Array(entries * length);
    let to = 0;
    for (let w = 0; w < words; w++) {
      const begin = at[w];
      while (at[w] < images[w].length && images[w][at[w]] < endImage) segmentImages[to++] = Number(images[w][at[w]++]);
      segmentCodes.set(codes[w].subarray(begin * length, at[w] * length), offsets[w] * length);
      offsets[w + 1] = to;
    }
    return { firstImage, endImage, offsets, images: segmentImages, codes: segmentCodes };
  });
}

function imageRanges(perImage: Uint32Array, capacity: number) {
  const ranges: { firstImage: number; endImage: number; entries: number }[] = [];
  let range = { firstImage: 0, endImage: 0, entries: 0 };
  for (let id = 0; id < perImage.length; id++) {
    if (range.entries > 0 && range.entries + perImage[id] > capacity) {
      ranges.push(range);
      range = { firstImage: id, endImage: id, entries: 0 };
    }
    range.endImage = id + 1;
    range.entries += perImage[id];
  }
  if (range.entries > 0) ranges.push(range);
  return ranges;
}

type Dict = { readonly [key: string]: Plain | undefined };

function dict(value: Plain | undefined, name: string, file: string): Dict {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    throw missing(file, name, "a dict with text keys");
  return value as Dict;
}

function array<T extends object>(
  value: Plain | undefined,
  name: string,
  type: new (...args: never[]) => T,
  file: string,
): T {
  if (!(value instanceof NdArray) || !(value.data instanceof type)) throw missing(file, name, `a numpy ${type.name}`);
  return value.data;
}

function count(value: Plain | undefined, name: string, file: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw missing(file, name, "a count");
  return value as number;
}

function missing(file: string, name: string, expected: string): FileFormatError {
  return new FileFormatError("MissingKey", file, `${name}: expected ${expected}`);
}
