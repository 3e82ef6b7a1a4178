/** @file The training set of a configuration, whatever form it has. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { getIt } from "../../data/datasets/get-it.js";
import { loadTrainingSet, trainingSetNames } from "../../data/datasets/training.js";
import type { TrainingSet } from "../../data/datasets/types.js";
import { readLandmarkSet } from "../../data/landmarks/read.js";
import { renderedTrainingSet } from "../../data/tuples/rendered.js";
import type { TrainFireParams } from "../config/train-schema.js";
import { photoStates, wholePhotos } from "../evaluate/photos.js";
import type { OnError } from "../skips.js";

/**
 * A public set by name, or the user's own `images`: a folder of rendered landmarks (it has a landmarks.json, which says
 * which views are pairs), a folder with a folder a landmark, or a CSV file. All photos of a public set must be there.
 * @param onError what becomes of own photos that are missing
 * @param most look for so many of the photos at most, spread over the set; default for all
 * @throws UsageError, MissingDataError, FileFormatError
 */
export async function openTrainingSet(
  { name, mode, images }: TrainFireParams["training"]["dataset"],
  root: string,
  onError: OnError,
  most = Number.POSITIVE_INFINITY,
): Promise<TrainingSet & { readonly lookedFor: number }> {
  const set = readSet(name, mode, images, root);
  const hint = images === undefined ? getIt(set.name === "gl18" ? "gl18" : "train", root, "them") : "";
  const step = Math.ceil(set.images.length / most) || 1;
  const looked = step === 1 ? set.images : set.images.filter((_, i) => i % step === 0);
  const missingIs = images !== undefined && onError === "skip" ? "state" : "error";
  await photoStates(wholePhotos(looked), set.name, missingIs, hint);
  return { ...set, lookedFor: looked.length };
}

function readSet(name: string, split: "train" | "val", images: string | undefined, root: string): TrainingSet {
  if (images === undefined) return loadTrainingSet(name, { root, split });
  // A name that was left at its default would be that of another set.
  const own = trainingSetNames.some((known) => known === name) ? basename(images) : name;
  if (existsSync(join(images, "landmarks.json"))) return renderedTrainingSet(own, images, readLandmarkSet(images));
  return loadTrainingSet({ name: own, images }, { root });
}
