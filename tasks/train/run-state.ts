/** @file A trainer with the state of its training, and when that is saved. */
import { join } from "node:path";
import type { Trainer } from "../../nets/train/trainer.js";
import { MetricsFile } from "./metrics-file.js";
import { type TrainState, writeState } from "./state-file.js";

/** In the experiment's folder. */
export const STATE_FILE = "train_state.pth";

export class TrainRun {
  readonly metrics: MetricsFile;
  /** Where the state on disk is; null before the first save. */
  savedAt: Pick<TrainState, "epoch" | "step"> | null = null;
  private lastSave = performance.now();

  constructor(
    readonly folder: string,
    readonly trainer: Trainer,
    public state: TrainState,
    /** What must not change between two runs of one training. */
    private readonly settings: Readonly<Record<string, unknown>>,
    private readonly saveSeconds: number,
  ) {
    this.metrics = new MetricsFile(join(folder, "metrics.jsonl"));
  }

  /** Replaces the state on disk. @throws NumericError when a weight is not finite; the file stays as it was */
  async save(): Promise<void> {
    await writeState(join(this.folder, STATE_FILE), this.trainer, this.state, this.settings);
    this.savedAt = { epoch: this.state.epoch, step: this.state.step };
    this.lastSave = performance.now();
  }

  /** Saves when the last time is long ago enough. */
  async saveIfDue(): Promise<void> {
    if (performance.now() - this.lastSave >= 1000 * this.saveSeconds) await this.save();
  }
}
