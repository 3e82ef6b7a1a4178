/**
 * @file The state a killed training continues from: weights, optimiser, where the epoch is, its tuples, what was measured.
 * Random draws need no state (data/tuples/stream.ts). A torch file, so that anybody can look into it:
 * {about: JSON, tuples, state_dict, optimizer_step, moments: {parameter: {exp_avg, exp_avg_sq}}}.
 */
import { existsSync } from "node:fs";
import { FileFormatError, UsageError } from "../../base/errors.js";
import { requireFinite } from "../../base/finite.js";
import type { HostTensor } from "../../base/tensor.js";
import { PyDict, type PyValue } from "../../formats/python.js";
import { readTorch } from "../../formats/torch.js";
import { TorchTensor } from "../../formats/torch-values.js";
import { writeTorch } from "../../formats/torch-write.js";
import type { OptimiserState, Trainer } from "../../nets/train/trainer.js";
import type { History } from "./history.js";
import type { EpochSums } from "./meter.js";
import type { EpochTuples } from "./mine.js";

/** Raised when an older program could not continue from a state, or this one not from an older state. */
const FORMAT = 1;

/** Where a training is. */
export interface TrainState {
  /** From 1; the epoch under way. */
  readonly epoch: number;
  /** What comes next: choosing tuples, steps, or the end of the epoch. */
  readonly phase: "mine" | "train" | "validate";
  /** Steps done in this epoch. */
  readonly step: number;
  readonly sums: EpochSums;
  readonly tuples: EpochTuples | null;
  readonly history: History;
  /** Seconds that this epoch has taken so far. */
  readonly seconds: number;
}

/** A state from disk. */
export interface SavedState {
  readonly state: TrainState;
  readonly weights: Map<string, HostTensor>;
  readonly optimiser: OptimiserState;
}

/**
 * Writes the state, whole or not at all.
 * @param settings what must be the same for a run to continue, by key
 * @throws NumericError naming a weight that is not finite: the file of before is kept then
 */
export async function writeState(
  file: string,
  trainer: Trainer,
  state: TrainState,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  const weights = await trainer.stateDict();
  checkFinite(weights);
  const { step, moments } = await trainer.optimiserState();
  const shapes = new Map(trainer.parameters.map(({ name, shape }) => [name, shape]));
  const { tuples, ...rest } = state;
  const width = tuples?.width ?? 1;
  writeTorch(
    file,
    {
      about: JSON.stringify({ format: FORMAT, settings, ...rest, negativeDistance: tuples?.negativeDistance ?? null }),
      tuples: tuples && { dtype: "I32" as const, shape: [tuples.images.length / width, width], data: tuples.images },
      state_dict: new Map(weights),
      optimizer_step: step,
      moments: new Map(
        [...moments].map(([name, values]) => [
          name,
          new Map(
            Object.entries(values).map(([key, data]) => [
              key,
              { dtype: "F32" as const, shape: shapes.get(name) ?? [data.length], data },
            ]),
          ),
        ]),
      ),
    },
    "train_state",
  );
}

/** Every learned number must be one. */
function checkFinite(weights: ReadonlyMap<string, HostTensor>): void {
  for (const [name, { data }] of weights)
    if (data instanceof Float32Array)
      requireFinite(`training: ${name} after the last step`, data, { hint: "lower training.optimizer.lr" });
}

/**
 * The state of an earlier run, or null where there is none.
 * @throws UsageError when it is of other settings, naming them; FileFormatError when it is damaged
 */
export function readState(file: string, settings: Readonly<Record<string, unknown>>): SavedState | null {
  if (!existsSync(file)) return null;
  const root = readTorch(file).root;
  const malformed = (what: string) =>
    new FileFormatError("MalformedFile", file, `not a state of fire-gpu train (${what}); delete it to begin again`);
  if (!(root instanceof PyDict)) throw malformed("no dictionary");
  const about = root.get("about");
  if (typeof about !== "string") throw malformed("no about");
  const { format, settings: before, negativeDistance, ...state } = JSON.parse(about);
  if (format !== FORMAT) throw malformed(`format ${format}, expected ${FORMAT}`);
  checkSettings(file, before, settings);
  const tuples = root.get("tuples");
  return {
    state: { ...state, tuples: tuples instanceof TorchTensor ? tuplesOf(tuples, negativeDistance) : null },
    weights: tensorsOf(root.get("state_dict"), malformed),
    optimiser: {
      step: Number(root.get("optimizer_step")),
      moments: new Map(
        dictOf(root.get("moments"), malformed).map(([name, values]) => [
          name,
          Object.fromEntries(
            [...tensorsOf(values, malformed)].map(([key, tensor]) => [key, tensor.data as Float32Array]),
          ),
        ]),
      ),
    },
  };
}

function tuplesOf(tensor: TorchTensor, negativeDistance: number | null): EpochTuples {
  const { shape, data } = tensor.toHost();
  return { width: shape[1], images: data as Int32Array, negativeDistance };
}

function dictOf(value: PyValue | undefined, malformed: (what: string) => Error): [string, PyValue][] {
  if (!(value instanceof PyDict)) throw malformed("a dictionary is missing");
  return [...value] as [string, PyValue][];
}

function tensorsOf(value: PyValue | undefined, malformed: (what: string) => Error): Map<string, HostTensor> {
  return new Map(
    dictOf(value, malformed).map(([name, tensor]) => {
      if (!(tensor instanceof TorchTensor)) throw malformed(`${name} is no tensor`);
      return [name, tensor.toHost()];
    }),
  );
}

function checkSettings(
  file: string,
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): void {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const changed = keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]));
  if (changed.length === 0) return;
  const list = changed.map((key) => `${key} (${JSON.stringify(before[key])} before, ${JSON.stringify(now[key])} now)`);
  throw new UsageError(
    "SettingsChanged",
    `${file}: this training began with other settings: ${list.join(", ")}; set them back, choose another experiment (-e), or delete the file to begin again`,
  );
}
