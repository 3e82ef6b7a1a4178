/** @file Where a configuration's name leads: a file of the user's, or one that the package brings. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { nearNames, question } from "../../base/suggest.js";

const ENDING = /\.ya?ml$/;

/** Folder of the bundled files. */
export function configFolder(): string {
  return join(packageRoot(), "configs");
}

/** Names of the bundled files that can be run, without `.yml`. */
export function bundledConfigs(): string[] {
  return ymlFiles(configFolder()).filter((name) => !name.startsWith("_"));
}

/**
 * Finds a configuration file. A path that exists wins, with or without `.yml`; then a bundled file of that name; then the
 * short names of the original programs: `eccv20.how_r18_1000` and `how_r18_1000` are `eval_how_r18_1000` or, to train,
 * `train_…`.
 * @param mode which of the two a short name means
 * @throws UsageError with near names, or else with all bundled ones
 */
export function findConfig(name: string, mode: "eval" | "train" = "eval"): string {
  if (name.trim() === "")
    throw new UsageError("NoConfig", `expected a YAML file or one of ${list()}, got an empty name`);
  for (const path of [name, `${name}.yml`, `${name}.yaml`])
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false) return path;
  if (basename(name) === name) {
    const short = name.replace(ENDING, "").split(".").at(-1);
    for (const bundled of [name.replace(ENDING, ""), `${mode}_${short}`])
      if (bundledConfigs().includes(bundled)) return join(configFolder(), `${bundled}.yml`);
  }
  throw new UsageError("NoConfig", `${name}: ${notFound(name)}`);
}

function notFound(name: string): string {
  if (statSync(name, { throwIfNoEntry: false })?.isDirectory()) {
    const whole = ymlFiles(name).filter((file) => !file.startsWith("_"));
    const inside = whole.map((file) => join(name, `${file}.yml`));
    return `a folder, expected a YAML file${inside.length > 0 ? ` such as ${inside[0]}` : ""}`;
  }
  const folder = dirname(name);
  const own = existsSync(folder) ? ymlFiles(folder).map((file) => join(folder, file)) : [];
  const last = basename(name);
  const near = [
    ...nearNames(
      last,
      own.map((file) => basename(file)),
    ).map((file) => join(folder, `${file}.yml`)),
    ...nearNames(last, bundledConfigs()),
  ];
  return near.length > 0
    ? `no such file or bundled configuration; ${question([...new Set(near)].slice(0, 3))}`
    : `no such file, and not one of the bundled: ${list()}`;
}

function list(): string {
  return bundledConfigs().join(", ");
}

/** Names without ending; [] where the folder cannot be read. */
function ymlFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith(".yml"))
      .map((file) => file.replace(ENDING, ""))
      .sort();
  } catch {
    return [];
  }
}
