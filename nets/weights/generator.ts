/**
 * @file Deterministic weights: the same bits on every machine, from a seed and a name alone. Tests and reference cases
 * build whole networks from them instead of carrying megabytes.
 *
 * Value i of a tensor: key = mix(seed ^ fnv1a32(name) + 0x9E3779B9), h = mix(mix(i) ^ key), u in (-1, 1) from the upper 24
 * bits of h (exact in float32), value = float32(c + a·u) with the arithmetic in float64.
 */
import type { HostTensor } from "../../base/tensor.js";
import { elementCount, f32Tensor } from "../../base/tensor.js";

/** What to generate: a shape, amplitude `a` and centre `c`. */
export interface GeneratedWeight {
  shape: readonly number[];
  a: number;
  c: number;
}

/** A bijective 32-bit hash with good avalanche ("lowbias32"). */
export function mix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** FNV-1a over the UTF-8 bytes of a text. */
export function fnv1a32(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/** The key that a seed and a tensor's name give. */
export function generatorKey(baseSeed: number, name: string): number {
  return mix((baseSeed ^ fnv1a32(name)) + 0x9e3779b9);
}

/** `count` values in (c - a, c + a), flat C order. */
export function generateValues(baseSeed: number, name: string, count: number, a: number, c: number): Float32Array {
  const key = generatorKey(baseSeed, name);
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const m = mix(mix(i) ^ key) >>> 8;
    out[i] = c + a * ((2 * m + 1 - 0x1000000) / 0x1000000);
  }
  return out;
}

/** All tensors of a `generated_weights` table, in its order. */
export function generateStateDict(
  baseSeed: number,
  weights: Readonly<Record<string, GeneratedWeight>>,
): Map<string, HostTensor> {
  const out = new Map<string, HostTensor>();
  for (const [name, { shape, a, c }] of Object.entries(weights))
    out.set(name, f32Tensor(shape, generateValues(baseSeed, name, elementCount(shape), a, c)));
  return out;
}
