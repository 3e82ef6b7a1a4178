/** @file Values from the command line, laid over those of a file: named options and `--set key.path=value`. */
import { UsageError } from "../../base/errors.js";
import { isMap, parseYaml, type Yaml, type YamlMap } from "./yaml.js";

/** One value for one key; `source` is the option's name for error messages. */
export interface Override {
  readonly path: string;
  readonly value: Yaml;
  readonly source: string;
}

/** Parses `key.path=value`; the value is YAML (`[1, 0.5]`, `null`, `64k`, `{name: x, images: y}`). */
export function parseSet(text: string): Override {
  const cut = text.indexOf("=");
  const path = text.slice(0, cut).trim();
  if (cut < 1 || path.split(".").some((key) => key === "")) {
    throw new UsageError(
      "BadSet",
      `--set ${text}: expected key.path=value, for example evaluation.inference.scales=[1]`,
    );
  }
  return { path, value: parseYaml(text.slice(cut + 1), `--set ${path}`), source: "--set" };
}

/** Copy of `config` with the overrides applied in order; missing mappings on the way are made, other values replaced. */
export function applyOverrides(config: YamlMap, overrides: readonly Override[]): YamlMap {
  let result = config;
  for (const { path, value } of overrides) result = put(result, path.split("."), value);
  return result;
}

function put(map: YamlMap, [key, ...rest]: string[], value: Yaml): YamlMap {
  if (rest.length === 0) return { ...map, [key]: value };
  const inner = Object.hasOwn(map, key) ? map[key] : {};
  return { ...map, [key]: put(isMap(inner) ? inner : {}, rest, value) };
}
