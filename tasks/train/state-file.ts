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
import type { OptimiserState, ParameterInfo, Trainer } from "../../nets/train/trainer.js";
import { requireSound } from "../../nets/weights/sound.js";
import type { History } from "./history.js";
import type { EpochSums } from "./meter.js";
import type { EpochTuples } from "./mine.js";
import { parseAbout, STATE_FORMAT } from "./state-about.js";

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
  const negativeDistance = tuples?.negativeDistance ?? null;
  const width = tuples?.width ?? 1;
  writeTorch(
    file,
    {
      about: JSON.stringify({ format: STATE_FORMAT, settings, ...rest, negativeDistance }),
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
 * @param images how many the training set has: tuples are indices among them
 * @throws UsageError when it is of other settings, naming them; FileFormatError when it is damaged
 */
export function readState(
  file: string,
  settings: Readonly<Record<string, unknown>>,
  images: number,
): SavedState | null {
  if (!existsSync(file)) return null;
  const root = readTorch(file).root;
  const malformed: Malformed = (what, cause) => notAState(file, what, cause);
  if (!(root instanceof PyDict)) throw malformed("no dictionary");
  const { format: _, settings: before, negativeDistance, ...state } = parseAbout(root.get("about"), malformed);
  checkSettings(file, before, settings);
  const tuples = tuplesOf(root.get("tuples"), negativeDistance, images, malformed);
  if (state.phase === "train" && !tuples) throw malformed("an epoch under way without tuples");
  const step = root.get("optimizer_step");
  if (typeof step !== "number" || !Number.isSafeInteger(step) || step < 0)
    throw malformed("optimizer_step is no number of steps");
  const moments = dictOf(root.get("moments"), malformed).map(
    ([name, values]): [string, Record<string, Float32Array>] => [
      name,
      Object.fromEntries(
        [...tensorsOf(values, malformed)].map(([key, t]) => [key, floatsOf(`${name} ${key}`, t, malformed)]),
      ),
    ],
  );
  const weights = tensorsOf(root.get("state_dict"), malformed);
  for (const [name, tensor] of weights) requireSound(file, name, tensor);
  return {
    state: { ...state, tuples },
    weights,
    optimiser: { step, moments: new Map(moments) },
  };
}

/** Makes sure that saved moments are those of these parameters. @throws FileFormatError naming what is not */
export function checkMoments(file: string, { moments }: OptimiserState, parameters: readonly ParameterInfo[]): void {
  const shapes = new Map(parameters.map(({ name, shape }) => [name, shape]));
  for (const [name, values] of moments) {
    const shape = shapes.get(name);
    if (!shape) throw notAState(file, `moments of ${name}, which is not trained`);
    const expected = shape.reduce((n, d) => n * d, 1);
    for (const [key, { length }] of Object.entries(values))
      if (length !== expected) throw notAState(file, `${key} of ${name}: expected ${expected} values, got ${length}`);
  }
}

type Malformed = (what: string, cause?: unknown) => FileFormatError;

function notAState(file: string, what: string, cause?: unknown): FileFormatError {
  const detail = `not a state of fire-gpu train (${what}); delete it to begin again`;
  return new FileFormatError("MalformedFile", file, detail, { cause });
}

function tuplesOf(
  tensor: PyValue | undefined,
  negativeDistance: number | null,
  images: number,
  malformed: Malformed,
): EpochTuples | null {
  if (tensor === null || tensor === undefined) return null;
  if (!(tensor instanceof TorchTensor)) throw malformed("tuples are no tensor");
  const { shape, data } = tensor.toHost();
  if (shape.length !== 2 || shape[1] < 2 || !(data instanceof Int32Array))
    throw malformed(`tuples: expected int32 (tuples, images a tuple), got ${tensor.dtype} [${shape}]`);
  if (data.some((i) => i < 0 || i >= images))
    throw malformed(`tuples: an image that is not among the ${images} of the set`);
  return { width: shape[1], images: data, negativeDistance };
}

function floatsOf(name: string, { data }: HostTensor, malformed: Malformed): Float32Array {
  if (data instanceof Float32Array) return data;
  throw malformed(`${name}: expected float32`);
}

function dictOf(value: PyValue | undefined, malformed: Malformed): [string, PyValue][] {
  if (!(value instanceof PyDict)) throw malformed("a dictionary is missing");
  return [...value] as [string, PyValue][];
}

function tensorsOf(value: PyValue | undefined, malformed: Malformed): Map<string, HostTensor> {
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
