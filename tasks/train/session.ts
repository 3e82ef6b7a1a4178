/** @file What all parts of one training share. */
import { createHash } from "node:crypto";
import type { TrainingSet } from "../../data/datasets/types.js";
import type { ImageLoader, ImageRequest } from "../../data/loader.js";
import { RandomStream } from "../../data/tuples/stream.js";
import { bytesOf } from "../../formats/dtypes.js";
import type { EvalLog } from "../evaluate/eval-log.js";
import type { SkipList } from "../skips.js";
import type { TrainSettings } from "./settings.js";
import type { StateDict, Workbench } from "./workbench.js";

/** A training under way. */
export interface TrainSession {
  readonly settings: TrainSettings;
  /** Data root. */
  readonly root: string;
  /** Folder of the experiment. */
  readonly folder: string;
  readonly set: TrainingSet;
  readonly bench: Workbench;
  readonly loader: ImageLoader;
  /** Photos that cannot be used; tuples with one are left out. */
  readonly skips: SkipList;
  readonly log: EvalLog;
  readonly signal?: AbortSignal;
}

/** Draws of a named purpose: the same however often the training was interrupted. */
export function streamOf({ settings }: Pick<TrainSession, "settings">, ...labels: (string | number)[]): RandomStream {
  return RandomStream.of(settings.seed, ...labels);
}

/** Requests for images of the set, each mirrored or not by draw `first + i` of the stream. */
export function* flippedRequests(
  session: Pick<TrainSession, "settings" | "set">,
  images: ArrayLike<number>,
  stream: RandomStream,
  first = 0,
): Iterable<ImageRequest> {
  for (let i = 0; i < images.length; i++)
    yield { path: session.set.images[images[i]], flip: stream.at(first + i) < session.settings.flip };
}

/** sha256 over names, shapes and values of weights. */
export function stateHash(state: StateDict): string {
  const hash = createHash("sha256");
  for (const [name, { dtype, shape, data }] of state) {
    hash.update(JSON.stringify([name, dtype, shape]));
    hash.update(bytesOf(data));
  }
  return hash.digest("hex");
}
