/** @file The two searches of ASMK that take arithmetic: nearest binary codes, and nearest visual words. */
import { HammingCodes } from "../../asmk/gpu/hamming-topk.js";
import { nearestWords } from "../../asmk/gpu/nearest.js";
import { WordTable } from "../../asmk/gpu/word-table.js";
import type { Device } from "../../engine/device.js";
import { generateValues, mix } from "../../nets/weights/generator.js";
import type { BenchSizes } from "./sizes.js";
import type { BenchCase } from "./timing.js";

/** u32 of a code: 128 bits. */
const CODE_WORDS = 4;
const DIM = 128;
const NEIGHBOURS = 10;
const ASSIGNMENTS = 5;

/** Random codes of 128 bits. */
export function randomCodes(count: number, seed: number): Uint32Array {
  return Uint32Array.from({ length: count * CODE_WORDS }, (_, i) => mix(mix(i) ^ seed));
}

/** Queries up, neighbours down; the codes stay on the device. An operation is an exclusive or, a popcount or a sum of 32 bits. */
export function hammingCase(device: Device, { codes, queries }: BenchSizes["hamming"]): BenchCase {
  const table = new HammingCodes(device, randomCodes(codes, 1), CODE_WORDS);
  const asked = randomCodes(queries, 2);
  return {
    section: "asmk",
    name: `Hamming ${codes} codes x ${queries}, top ${NEIGHBOURS}`,
    cost: { flops: codes * queries * CODE_WORDS * 3, bytes: 4 * CODE_WORDS * (codes + queries) },
    finish: async () => {
      await table.topK(asked, NEIGHBOURS);
    },
    close: () => table.free(),
  };
}

/** Vectors up, words down, the choice among the last candidates in float64 included. */
export function quantiseCase(device: Device, { vectors, words }: BenchSizes["quantise"]): BenchCase {
  const table = new WordTable(device, generateValues(1, "words", words * DIM, 1, 0), DIM);
  const rows = generateValues(2, "vectors", vectors * DIM, 1, 0);
  return {
    section: "asmk",
    name: `quantise ${vectors}x${DIM} in ${words} words, top ${ASSIGNMENTS}`,
    cost: { flops: 2 * vectors * words * DIM, bytes: 4 * DIM * (vectors + words) },
    finish: async () => {
      await nearestWords(device, table, rows, ASSIGNMENTS);
    },
    close: () => table.free(),
  };
}
