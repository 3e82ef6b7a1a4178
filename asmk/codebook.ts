/** @file The visual words. */
import { checkArgument, floats, whole } from "../base/check.js";
import { UsageError } from "../base/errors.js";
import { firstNotFinite } from "../base/finite.js";
import { sha256 } from "../base/hash.js";

/** Visual words: `words` centroids of `dim` float32 components, row-major. */
export interface Codebook {
  readonly words: number;
  readonly dim: number;
  readonly centroids: Float32Array;
  /** The size as the configuration wrote it ("64k" or a number), which the reference's files repeat. */
  readonly size: number | string;
}

/** @throws UsageError when the centroids do not fill whole rows, or hold NaN or infinity. */
export function makeCodebook(centroids: Float32Array, dim: number, size?: number | string): Codebook {
  checkArgument("makeCodebook: centroids", centroids, floats);
  checkArgument("makeCodebook: dim", dim, whole(1));
  const words = centroids.length / dim;
  if (!(Number.isInteger(words) && words >= 1))
    throw new UsageError(
      "Codebook",
      `asmk: codebook — expected a positive multiple of ${dim} values, got ${centroids.length}`,
    );
  const bad = firstNotFinite(centroids);
  if (bad >= 0)
    throw new UsageError("Codebook", `asmk: codebook — word ${Math.floor(bad / dim)} holds NaN or infinity`);
  return { words, dim, centroids, size: size ?? words };
}

/** SHA-256, in hex, of the shape and the values: tells codebooks apart wherever they are stored. */
export function codebookHash({ words, dim, centroids }: Codebook): string {
  const values = new Uint8Array(centroids.buffer, centroids.byteOffset, centroids.byteLength);
  return sha256([Buffer.from(`asmk codebook ${words} ${dim}\n`), values]);
}
