/** @file Sign bits and Hamming distances for dimensions around the 32-bit borders, on every backend; all exact. */

import { makeCodebook } from "../../../asmk/codebook.js";
import { GpuBackend } from "../../../asmk/gpu/backend.js";
import { HammingCodes } from "../../../asmk/gpu/hamming-topk.js";
import { hammingMatrix } from "../../../asmk/hamming.js";
import { packedLength, packRows } from "../../../asmk/pack.js";
import type { Device } from "../../../engine/device.js";
import type { Check, GoldenCase } from "../case.js";
import { sharedDevice } from "../networks.js";

export default async function run(golden: GoldenCase): Promise<Check[]> {
  const device = await sharedDevice();
  const checks: Check[] = [];
  for (const dim of golden.json.dims as number[]) {
    const name = (tensor: string) => `d${dim}/${tensor}`;
    const length = packedLength(dim);
    const [a, b] = [golden.f32(name("a")), golden.f32(name("b"))];
    const packed = [packRows(a, dim), packRows(b, dim)];
    checks.push(
      golden.compare(name("packed_a"), new Int32Array(packed[0].buffer)),
      golden.compare(name("packed_b"), new Int32Array(packed[1].buffer)),
      golden.compare(name("dist_default"), hammingMatrix(packed[0], packed[1], length)),
      golden.compare(name("dist_by_dim"), hammingMatrix(packed[0], packed[1], length, dim)),
    );
    const [codesA, codesB] = [await packOnDevice(device, a, dim), await packOnDevice(device, b, dim)];
    const bits = await distancesOnDevice(device, codesA, codesB, length);
    for (const check of [
      golden.compare(name("packed_a"), new Int32Array(codesA.buffer)),
      golden.compare(name("packed_b"), new Int32Array(codesB.buffer)),
      golden.compare(
        name("dist_default"),
        Float32Array.from(bits, (n) => n / (32 * length)),
      ),
    ])
      checks.push({ ...check, tensor: `${check.tensor} (gpu)` });
  }
  return checks;
}

/** Each row as an image of one descriptor and a codebook whose one word is the origin: the residual is the row. */
async function packOnDevice(device: Device, rows: Float32Array, dim: number): Promise<Uint32Array> {
  const backend = new GpuBackend(device);
  const images = Int32Array.from({ length: rows.length / dim }, (_, i) => i);
  const options = { multipleAssignment: 1, binary: true };
  const { codes } = await backend.encode(makeCodebook(new Float32Array(dim), dim), rows, images, options);
  backend.destroy();
  return codes as Uint32Array;
}

/** The matrix of distances, from the nearest codes when all are asked for. */
async function distancesOnDevice(device: Device, a: Uint32Array, b: Uint32Array, length: number): Promise<Uint32Array> {
  const columns = b.length / length;
  const codes = new HammingCodes(device, b, length);
  const { k, indices, distances } = await codes.topK(a, columns);
  codes.free();
  const out = new Uint32Array(distances.length);
  distances.forEach((distance, i) => {
    out[Math.floor(i / k) * columns + indices[i]] = distance;
  });
  return out;
}
