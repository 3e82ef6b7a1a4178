/** @file Aggregated rows (image, word, bits) against those of an end-to-end case. */
import type { WordRows } from "../../asmk/word-rows.js";
import { type Check, checkThat, type GoldenCase } from "./case.js";

/**
 * Shared (image, word) rows, and wrong bits in rows that the case calls certain.
 * @param ours rows of the first images of the case, one element an image
 */
export function checkRows(golden: GoldenCase, side: string, ours: readonly WordRows[]): Check[] {
  const words = golden.read(`${side}/word_ids`).data as Int16Array;
  const images = golden.read(`${side}/image_ids`).data as Int16Array;
  const packed = golden.read(`${side}/packed`);
  const uncertain = golden.read(`${side}/uncertain_bits`).data as Uint8Array;
  const length = packed.shape[1];
  const bits = packed.data as Int32Array;
  const found = new Map<string, Uint32Array>();
  ours.forEach((rows, image) => {
    for (let i = 0; i < rows.words.length; i++)
      found.set(`${image}/${rows.words[i]}`, (rows.codes as Uint32Array).subarray(i * length, (i + 1) * length));
  });
  let reference = 0;
  let shared = 0;
  let certainBits = 0;
  let wrongBits = 0;
  for (let i = 0; i < words.length; i++) {
    if (images[i] >= ours.length) continue;
    reference++;
    const code = found.get(`${images[i]}/${words[i]}`);
    if (!code) continue;
    shared++;
    if (uncertain[i]) continue;
    certainBits += 32 * length;
    for (let w = 0; w < length; w++) wrongBits += popcount((bits[i * length + w] ^ code[w]) >>> 0);
  }
  const share = shared / (reference + found.size - shared);
  const wrong = wrongBits / certainBits;
  const { rows_shared_min: least, share_of_wrong_bits_in_certain_rows_max: most } = golden.json.tolerances.rows;
  return [
    checkThat(`${side}/rows`, share >= least, `${share.toFixed(6)} of the rows shared, at least ${least}`),
    checkThat(
      `${side}/packed`,
      wrong <= most,
      `${wrongBits} wrong bits in certain rows, a share of ${wrong.toExponential(1)}, at most ${most}`,
    ),
  ];
}

function popcount(v: number): number {
  let n = 0;
  for (let x = v; x !== 0; x = (x & (x - 1)) >>> 0) n++;
  return n;
}
