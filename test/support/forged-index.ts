/** @file Index files whose numbers were changed and whose checksums belong to what they are now. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { openDirectory } from "../../asmk/index-file.js";
import { encodeHeader } from "../../asmk/index-header.js";
import { ALIGNMENT, type Directory, encodeDirectory, type Section } from "../../asmk/index-layout.js";
import { saveIndex } from "../../asmk/index-save.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { sha256 } from "../../base/hash.js";
import { randomCodebook, randomRows } from "./random-rows.js";

const codebook = randomCodebook(6, 5, 1);

/** The sections of a good index, and its directory, to be changed. */
export type IndexParts = { directory: Directory; bytes: Map<Section, Uint8Array> };

/** A good index: two segments of four images each. */
export async function writeSmallIndex(file: string, binary = false): Promise<void> {
  const index = InvertedFile.create({ words: 6, dim: 5, binary, useIdf: true }, 12);
  for (let first = 0; first < 8; first += 4)
    await index.add(randomRows(codebook, { images: 4, each: 3, seed: first, binary, first }));
  rmSync(file, { force: true });
  await saveIndex(file, index, { codebook: null, model: null, names: ["a.jpg"], properties: {} });
}

/** Changes an index file and gives it the checksums that belong to it. `encode` may return other bytes of the directory. */
export async function forgeIndex(
  file: string,
  change: (parts: IndexParts) => void,
  encode: (directory: Directory) => Uint8Array = encodeDirectory,
): Promise<void> {
  const { handle, directory } = await openDirectory(file);
  await handle.close();
  const whole = readFileSync(file);
  const sections = [directory.counts, directory.committedCounts, directory.idf, directory.norms];
  for (const s of directory.segments) sections.push(s.offsets, s.images, s.codes);
  const bytes = new Map(sections.map((s) => [s, Uint8Array.from(whole.subarray(s.at, s.at + s.bytes))]));
  change({ directory, bytes });
  for (const [s, b] of bytes) {
    s.sha256 = sha256(b.subarray(0, s.bytes));
    whole.set(b, s.at);
  }
  const at = Math.ceil(whole.length / ALIGNMENT) * ALIGNMENT;
  const encoded = encode(directory);
  const out = Buffer.alloc(at + encoded.length);
  out.set(whole);
  out.set(encodeHeader({ generation: 1, at, length: encoded.length }));
  out.set(encoded, at);
  writeFileSync(file, out);
}
