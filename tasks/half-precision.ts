/** @file What half precision costs in accuracy: the descriptors of a test photo in both precisions, compared on the spot. */
import { requireFinite } from "../base/finite.js";
import type { Device, Precision } from "../engine/device.js";
import { run } from "../engine/op.js";
import { normalise } from "../engine/ops/normalise.js";
import type { ScaleNetwork } from "../nets/extraction.js";
import type { RetrievalNetwork } from "../nets/network.js";
import { benchPhoto } from "./bench/nets.js";

/** Differences of half precision from float32, over all descriptors of one photo at one scale. */
export interface HalfPrecisionError {
  /** Squared differences over squared values. */
  readonly nmse: number;
  /** Largest difference over the root mean square of the values. */
  readonly largest: number;
  /** Of a descriptor and its float32 form, the least of all. */
  readonly leastCosine: number;
}

/** Below this cosine a network is not one for half precision, such as one whose values grow beyond 65,504. */
const LEAST_COSINE = 0.99;

const PHOTO = { width: 256, height: 192 };

/** Runs the network twice. The device is left at the precision that it had. */
export async function halfPrecisionError(
  device: Device,
  network: RetrievalNetwork & ScaleNetwork,
): Promise<HalfPrecisionError> {
  const before = device.precision;
  try {
    const wanted = await descriptors(device, network, "f32");
    const got = await descriptors(device, network, "f16");
    requireFinite("half precision: descriptors of a test photo", got, { hint: "use --precision f32" });
    return compare(got, wanted, network.outputDim);
  } finally {
    device.precision = before;
  }
}

/** [count, outputDim padded to 4], in the order of the map. */
async function descriptors(
  device: Device,
  network: RetrievalNetwork & ScaleNetwork,
  precision: Precision,
): Promise<Float32Array> {
  device.precision = precision;
  const { width, height, data } = benchPhoto(PHOTO.width, PHOTO.height);
  const [mean, std] = network.runtime.meanStd;
  const result = device.scope(() => {
    const image = run(device, normalise, [device.upload(data, [data.length])], { width, height, mean, std });
    return network.candidates([() => image]).rows.descriptors;
  });
  try {
    return await device.readF32(result);
  } finally {
    result.free();
  }
}

/** @param dim of the rows, which are padded to a multiple of 4 */
function compare(got: Float32Array, wanted: Float32Array, dim: number): HalfPrecisionError {
  const width = Math.ceil(dim / 4) * 4;
  let differences = 0;
  let squares = 0;
  let largest = 0;
  let leastCosine = 1;
  for (let row = 0; row < wanted.length; row += width) {
    let [product, a, b] = [0, 0, 0];
    for (let i = row; i < row + dim; i++) {
      const d = got[i] - wanted[i];
      differences += d * d;
      largest = Math.max(largest, Math.abs(d));
      product += got[i] * wanted[i];
      a += got[i] * got[i];
      b += wanted[i] * wanted[i];
    }
    squares += b;
    // a NaN must not pass as the larger one
    const cosine = product / Math.sqrt(a * b);
    if (!(cosine >= leastCosine)) leastCosine = cosine;
  }
  const rms = Math.sqrt(squares / ((wanted.length / width) * dim));
  return { nmse: differences / squares, largest: largest / rms, leastCosine };
}

/** Whether some descriptor is another one at half precision: its line is a warning. */
export function losesTooMuch({ leastCosine }: Pick<HalfPrecisionError, "leastCosine">): boolean {
  return !(leastCosine >= LEAST_COSINE);
}

/** One line for the user. */
export function halfPrecisionText(
  { nmse, largest, leastCosine }: HalfPrecisionError,
  { caps }: Pick<Device, "caps">,
): string {
  const where = caps.matrixUnits
    ? "on matrix units"
    : "in the float32 kernels, which makes nothing faster: this device has no matrix units that fire-gpu can use";
  return (
    (losesTooMuch({ leastCosine }) ? "this network loses too much in half precision, use --precision f32 — " : "") +
    `half precision ${where}; descriptors of a test photo differ from float32 by NMSE ${nmse.toExponential(1)}, ` +
    `at most ${largest.toFixed(3)} of their root mean square, cosine at least ${leastCosine.toFixed(5)}`
  );
}
