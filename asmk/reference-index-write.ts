/** @file Writes the reference's inverted file cache, for programs that read nothing else (asmk.md §6, §9). */
import { writeFileAtomic } from "../base/atomic.js";
import { UsageError } from "../base/errors.js";
import { pickleChunks } from "../formats/pickle-write.js";
import { NdArray } from "../formats/python.js";
import type { InvertedFile } from "./inverted-file.js";
import { codeLength } from "./word-rows.js";

/**
 * Writes the index as a pickle that the reference loads, searches and extends. Arrays have no spare capacity. Names,
 * hashes and the dimension of binary codes have no place in this form. The whole index passes through memory.
 * @throws UsageError when the index has an open chunk
 */
export async function writeReferenceIndex(path: string, index: InvertedFile): Promise<void> {
  if (index.isOpen)
    throw new UsageError("OpenChunk", `${path}: the index has rows that are not closed yet; call commit() first`);
  const { words, dim, binary, useIdf, imidOffset, imageCount, counts, idf, norms } = index.state();
  const width = codeLength(dim, binary);
  const vecs: (NdArray | null)[] = [];
  const ids: (NdArray | null)[] = [];
  for (let w = 0; w < words; w++) {
    const { images, codes } = await index.entriesOf(w);
    const n = images.length;
    // The reference tells unused words by None.
    vecs.push(n ? new NdArray(binary ? "U32" : "F32", [n, width], codes) : null);
    ids.push(n ? new NdArray("I64", [n], BigInt64Array.from(images, BigInt)) : null);
  }
  const state = {
    norm_factor: new NdArray("F64", [imageCount], norms),
    n_images: imageCount,
    ivf_vecs: vecs,
    ivf_image_ids: ids,
    counts: new NdArray("I32", [words], counts),
    idf: new NdArray("F32", [words], idf),
    imid_offset: imidOffset,
  };
  writeFileAtomic(path, pickleChunks({ type: "IVF", params: { use_idf: useIdf }, state }, 4));
}
