/**
 * @file Where the time of an extraction goes. The stages of one photo run one after the other with a wait behind each, so
 * they add up; the program itself overlaps decoding with the device and waits once a photo.
 */

import { decodeImage } from "../../data/decode.js";
import { encodeJpeg } from "../../data/encode-jpeg.js";
import type { Device } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { run } from "../../engine/op.js";
import { rescale } from "../../engine/ops/resize.js";
import { rowNorm } from "../../engine/ops/row-reduce.js";
import { gatherRows, strongest } from "../../engine/ops/select.js";
import type { Tensor } from "../../engine/tensor.js";
import { whitening } from "../../nets/fire.js";
import { Lit } from "../../nets/lit.js";
import { ResNet } from "../../nets/resnet.js";
import { benchPhoto, benchStore, NETWORKS, pixels } from "./nets.js";
import type { BenchSizes } from "./sizes.js";
import { summary } from "./timing.js";

/** Median time of one stage of extraction. */
export interface StageTime {
  readonly stage: Stage;
  readonly ms: number;
  /** Of the sum of all stages. */
  readonly share: number;
}

const STAGES = ["decode", "upload", "normalise", "pyramid", "trunk", "LIT", "whiten", "select", "read back"] as const;
type Stage = (typeof STAGES)[number];

const FEATURES = 1000;
const STRENGTH_EPSILON = 1e-10;

/** FIRe on one JPEG, `rounds` times after one run that compiles. @param network a FIRe network of nets.ts */
export async function extractionStages(
  device: Device,
  network: string,
  { photo, scales }: BenchSizes,
  rounds: number,
): Promise<StageTime[]> {
  const { params } = NETWORKS[network];
  const store = benchStore(device, network);
  const trunk = new ResNet(store.below("features."), {
    architecture: params.architecture,
    skipLayer: params.skip_layer,
  });
  const lit = new Lit(store.below("lit."), params.lit!, trunk.channels);
  const reduction = whitening(store, params.dim_reduction!.dim, params.lit!.dim);
  const exec = new Inference(device);
  const file = await encodeJpeg(benchPhoto(photo.width, photo.height));
  const samples = new Map<Stage, number[]>(STAGES.map((s) => [s, []]));

  for (let round = 0; round <= rounds; round++) {
    const owned: Tensor[] = [];
    const timed = async <T>(stage: Stage, body: () => T | Promise<T>): Promise<T> => {
      const begin = performance.now();
      const result = await body();
      await device.finish();
      if (round > 0) samples.get(stage)!.push(performance.now() - begin);
      return result;
    };
    const own = (t: Tensor): Tensor => {
      owned.push(device.keep(t));
      return t;
    };
    const image = await timed("decode", () => decodeImage(file, "bench.jpg"));
    const bytes = await timed("upload", () => own(device.upload(image.data, [image.data.length])));
    const full = await timed("normalise", () => own(pixels(device, bytes, image, params)));
    const pyramid = await timed("pyramid", () =>
      scales.map((s) => {
        const scaled = rescale(device, full, s, "given-scale");
        return scaled === full ? full : own(scaled);
      }),
    );
    const maps = await timed("trunk", () => pyramid.map((x) => own(trunk.forward(exec, x))));
    const raw = await timed("LIT", () =>
      own(
        device.scope(() => {
          const read = maps.map((map) => lit.read(exec, map.view([map.elements / trunk.channels, trunk.channels])));
          return lit.superFeatures(exec, read);
        }),
      ),
    );
    const { strengths, descriptors } = await timed("whiten", () => ({
      strengths: own(run(device, rowNorm, [raw], { epsilon: STRENGTH_EPSILON })),
      descriptors: own(reduction.forward(exec, raw)),
    }));
    const selected = await timed("select", () => {
      const order = own(strongest(device, strengths, Math.min(FEATURES, strengths.elements)));
      return [strengths, own(run(device, gatherRows, [descriptors, order], {})), order];
    });
    await timed("read back", () => device.read(...selected));
    for (const t of new Set(owned)) t.free();
  }
  store.free();
  const medians = STAGES.map((stage) => ({ stage, ms: summary(samples.get(stage)!).median }));
  const sum = medians.reduce((n, { ms }) => n + ms, 0);
  return medians.map((s) => ({ ...s, share: s.ms / sum }));
}
