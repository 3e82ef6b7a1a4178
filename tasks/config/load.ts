/** @file From a file's name to checked parameters: command line > file > its templates > defaults. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { type EvalParams, evalSchema } from "./eval-schema.js";
import { validate } from "./keys.js";
import { applyOverrides, type Override } from "./override.js";
import { readExpanded } from "./template.js";
import {
  type TrainFireParams,
  type TrainHowParams,
  trainFamily,
  trainFireSchema,
  trainHowSchema,
} from "./train-schema.js";
import { describe, isMap, type YamlMap } from "./yaml.js";

/** Parameters, the file they came from and the experiment's name (`experiment`, else the file's name). */
export interface Loaded<T> {
  readonly file: string;
  readonly experiment: string;
  readonly params: T;
}

/**
 * Finds a configuration file: a path that exists wins, then a bundled file of that name with or without `.yml`.
 * @throws UsageError that lists the bundled files
 */
export function findConfig(name: string): string {
  for (const path of [name, `${name}.yml`]) if (existsSync(path) && statSync(path).isFile()) return path;
  const folder = join(packageRoot(), "configs");
  for (const file of [name, `${name}.yml`]) {
    if (basename(file) === file && existsSync(join(folder, file))) return join(folder, file);
  }
  const bundled = readdirSync(folder).filter((f) => f.endsWith(".yml") && !f.startsWith("_"));
  throw new UsageError("NoConfig", `${name}: no such file, and not one of the bundled: ${bundled.sort().join(", ")}`);
}

/** Loads an evaluation file. Throws UsageError: not found, not YAML, an unknown key, a value of the wrong kind. */
export function loadEvalConfig(name: string, overrides: readonly Override[] = []): Loaded<EvalParams> {
  const { file, experiment, config } = read(name, overrides);
  if (isMap(config) && "demo_train" in config) {
    throw new UsageError(
      "WrongConfig",
      `${file}: a training file; expected an evaluation file (demo_eval, evaluation)`,
    );
  }
  return { file, experiment, params: validate(evalSchema, config, file, overrides) };
}

/** Loads a training file of FIRe or HOW. Throws as loadEvalConfig. */
export function loadTrainConfig(
  name: string,
  overrides: readonly Override[] = [],
): Loaded<{ family: "fire"; fire: TrainFireParams } | { family: "how"; how: TrainHowParams }> {
  const { file, experiment, config } = read(name, overrides);
  if ("demo_eval" in config) {
    throw new UsageError("WrongConfig", `${file}: an evaluation file; expected a training file (demo_train, training)`);
  }
  const params =
    trainFamily(config) === "fire"
      ? { family: "fire" as const, fire: validate(trainFireSchema, config, file, overrides) }
      : { family: "how" as const, how: validate(trainHowSchema, config, file, overrides) };
  return { file, experiment, params };
}

function read(name: string, overrides: readonly Override[]): { file: string; experiment: string; config: YamlMap } {
  const file = findConfig(name);
  const { experiment = null, ...config } = applyOverrides(readExpanded(file), overrides);
  if (experiment !== null && (typeof experiment !== "string" || experiment === "")) {
    throw new UsageError("BadValue", `${file}: experiment: expected text or null, got ${describe(experiment)}`);
  }
  return { file, experiment: experiment ?? basename(file).replace(/\.ya?ml$/, ""), config };
}
