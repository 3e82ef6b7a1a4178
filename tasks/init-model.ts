/** @file `fire-gpu init`: a HOW checkpoint from a given or random trunk, whose whitening comes from photos. */
import { basename } from "node:path";
import { UsageError } from "../base/errors.js";
import type { RgbImage } from "../base/image.js";
import type { HostTensor } from "../base/tensor.js";
import { ImageLoader } from "../data/loader.js";
import { parseNetParams } from "../nets/params.js";
import { untrainedHow } from "../nets/untrained.js";
import { openCheckpoint } from "../nets/weights/checkpoint.js";
import { checkpointEnding, saveCheckpoint } from "../nets/weights/save.js";
import { startState } from "../nets/weights/start.js";
import { findImages } from "./extract.js";
import { warnOfSmallImages } from "./image-size.js";
import { type DeviceChoice, openChosen, softwareNotice } from "./open-model.js";
import { claimOutput } from "./outputs.js";
import { type Progress, type Stage, stopIfAsked } from "./progress.js";

/** Of ImageNet: what all published networks are given. */
const MEAN_STD: [number[], number[]] = [
  [0.485, 0.456, 0.406],
  [0.229, 0.224, 0.225],
];
/** More photos than this tell nothing new about a few hundred channels, and all are held in memory. */
const MOST_PHOTOS = 1000;

export interface InitOptions {
  /** Image files, folders and lists. */
  readonly inputs: readonly string[];
  readonly out: string;
  readonly architecture: string;
  readonly skipLayer: number;
  /** A checkpoint to take the trunk from, such as torchvision's ResNet; without it the trunk is random. */
  readonly trunk?: string;
  readonly strideOnFirst: boolean;
  readonly dim: number;
  readonly smoothing: number;
  readonly shrinkage: number;
  readonly seed: number;
  /** What the checkpoint recommends for its use, and what the whitening is learned with. */
  readonly imageSize: number;
  /** Null keeps all. */
  readonly featuresNum: number | null;
  readonly scales: readonly number[];
  /** Replace `out` if it exists. */
  readonly force?: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal;
}

/** Writes the checkpoint. @throws UsageError, MissingDataError, FileFormatError naming a photo, NumericError, DeviceError */
export async function initModel(options: InitOptions, choice: DeviceChoice): Promise<{ photos: number }> {
  const { out, progress, signal, seed } = options;
  warnOfSmallImages(progress, options.imageSize, "image size");
  const { inputs, force } = options;
  const named = options.trunk === undefined ? inputs : [options.trunk, ...inputs];
  const claimed = claimOutput({ option: "--out", file: out, force, inputs: named });
  checkpointEnding(out);
  const paths = findImages(inputs, progress);
  claimed.mustDifferFrom(paths);
  if (paths.length > MOST_PHOTOS)
    throw new UsageError("TooManyPhotos", `init: expected at most ${MOST_PHOTOS} photos, got ${paths.length}`);
  const trunk = options.trunk === undefined ? undefined : givenTrunk(options.trunk, options);
  const photos = await loadAll(paths, options);
  const device = await openChosen(choice, 0);
  let stage: Stage | undefined;
  try {
    const notice = softwareNotice(device);
    if (notice) progress.note(notice);
    const { imageSize, featuresNum, scales } = options;
    const runtime = { meanStd: MEAN_STD, imageSize, featuresNum, scales: [...scales], trainingScales: [1] };
    const { stateDict, netParams } = await untrainedHow(
      device,
      { ...options, trunk, runtime },
      photos,
      (step, total) => {
        stopIfAsked(signal);
        stage ??= progress.stage("layers", total);
        if (step > 0) stage.advance();
      },
    );
    stage?.advance();
    const training =
      options.trunk === undefined
        ? `untrained: random trunk (seed ${seed}), statistics and whitening learned from ${photos.length} photos`
        : `not trained for retrieval: trunk of ${basename(options.trunk)}, whitening learned from ${photos.length} photos`;
    saveCheckpoint(out, { version: "how/2020", netParams, stateDict, meta: { training } });
  } finally {
    stage?.end();
    device.close();
  }
  return { photos: photos.length };
}

/** The trunk's tensors under HOW's names. @throws FileFormatError when the file is no such trunk */
function givenTrunk(file: string, { architecture, skipLayer, seed }: InitOptions): ReadonlyMap<string, HostTensor> {
  const params = parseNetParams({ architecture, skip_layer: skipLayer }, file);
  return startState("how", params, openCheckpoint(file), seed).state;
}

async function loadAll(
  paths: readonly string[],
  { imageSize, progress, signal }: Pick<InitOptions, "imageSize" | "progress" | "signal">,
): Promise<RgbImage[]> {
  const loader = new ImageLoader({ onNotice: (line) => progress.warn(line) });
  const photos: RgbImage[] = [];
  const stage = progress.stage("photos", paths.length);
  try {
    const requests = paths.map((path) => ({ path }));
    for await (const { image, error } of loader.load(requests, { imageSize })) {
      if (error) throw error;
      photos.push(image);
      stage.advance();
      stopIfAsked(signal);
    }
  } finally {
    stage.end();
    await loader.close();
  }
  return photos;
}
