/** @file From a file's name to checked parameters: command line > file > its templates > defaults. */
import { basename } from "node:path";
import { UsageError } from "../../base/errors.js";
import { type EvalParams, evalSchema } from "./eval-schema.js";
import { findConfig } from "./find.js";
import { origin, validate } from "./keys.js";
import { applyOverrides, type Override } from "./override.js";
import { readExpanded } from "./template.js";
import {
  type TrainFireParams,
  type TrainHowParams,
  trainFamily,
  trainFireSchema,
  trainHowSchema,
} from "./train-schema.js";
import { describe, type YamlMap } from "./yaml.js";

/** Parameters, the file they came from and the experiment's name (`experiment`, else the file's name). */
export interface Loaded<T> {
  readonly file: string;
  readonly experiment: string;
  readonly params: T;
}

/** Loads an evaluation file. Throws UsageError: not found, not YAML, an unknown key, a value of the wrong kind. */
export function loadEvalConfig(name: string, overrides: readonly Override[] = []): Loaded<EvalParams> {
  const { file, experiment, config } = read(name, "eval", overrides);
  if ("demo_train" in config && !overrides.some(({ path }) => path.startsWith("demo_train"))) {
    throw new UsageError(
      "WrongConfig",
      `${file}: a training file; expected an evaluation file (demo_eval, evaluation); fire-gpu train runs it`,
    );
  }
  return { file, experiment, params: validate(evalSchema, config, file, overrides) };
}

/** Loads a training file of FIRe or HOW. Throws as loadEvalConfig. */
export function loadTrainConfig(
  name: string,
  overrides: readonly Override[] = [],
): Loaded<{ family: "fire"; fire: TrainFireParams } | { family: "how"; how: TrainHowParams }> {
  const { file, experiment, config } = read(name, "train", overrides);
  if ("demo_eval" in config && !overrides.some(({ path }) => path.startsWith("demo_eval"))) {
    throw new UsageError(
      "WrongConfig",
      `${file}: an evaluation file; expected a training file (demo_train, training); fire-gpu eval runs it`,
    );
  }
  const params =
    trainFamily(config) === "fire"
      ? { family: "fire" as const, fire: validate(trainFireSchema, config, file, overrides) }
      : { family: "how" as const, how: validate(trainHowSchema, config, file, overrides) };
  return { file, experiment, params };
}

function read(
  name: string,
  mode: "eval" | "train",
  overrides: readonly Override[],
): { file: string; experiment: string; config: YamlMap } {
  const file = findConfig(name, mode);
  const { experiment = null, ...config } = applyOverrides(readExpanded(file), overrides);
  if (experiment !== null && (typeof experiment !== "string" || experiment === "")) {
    const from = origin(["experiment"], file, overrides);
    throw new UsageError("BadValue", `${from}: experiment: expected text or null, got ${describe(experiment)}`);
  }
  return { file, experiment: experiment ?? basename(file).replace(/\.ya?ml$/, ""), config };
}
