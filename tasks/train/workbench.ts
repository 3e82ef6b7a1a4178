/** @file What training needs from outside: a device on which networks run and learn. Tests bring a small one of their own. */
import type { AsmkBackend } from "../../asmk/backend.js";
import type { RgbImage } from "../../base/image.js";
import type { HostTensor } from "../../base/tensor.js";
import type { RetrievalNetwork } from "../../nets/network.js";
import type { Trainer } from "../../nets/train/trainer.js";
import type { Download } from "../evaluate/model-file.js";
import type { TrainSettings } from "./settings.js";

/** Weights by name. */
export type StateDict = ReadonlyMap<string, HostTensor>;

export interface FirstWeights {
  readonly state: Map<string, HostTensor>;
  readonly initialised: readonly string[];
}

export interface Workbench {
  /** Name of the device, for reports. */
  readonly device: string;
  readonly backend: AsmkBackend;
  /**
   * First weights: those of a checkpoint file, or random ones, whose batch norms (frozen in training) take their
   * statistics from some photos.
   * @param file null for random weights @param photos none where there is a file, or where weights are only to be timed:
   * random ones then have no statistics
   * @param stop throws when the user has stopped the training; called between parts that take a second or so
   * @returns the state dict and which of its parts no file gave
   */
  start(
    settings: TrainSettings,
    file: string | null,
    photos: readonly RgbImage[],
    stop?: () => void,
  ): Promise<FirstWeights>;
  /** The network without its whitening: what the whitening is computed from. */
  unwhitened(settings: TrainSettings, state: StateDict): RetrievalNetwork;
  trainer(settings: TrainSettings, state: StateDict): Trainer;
  close(): void | Promise<void>;
}

export interface TrainTools {
  /** @param gpuId `gpu_id` of the configuration */
  open(gpuId: number | null): Promise<Workbench>;
  readonly download: Download;
}
