/**
 * @file `__template__`: a mapping may name a file whose content is its default. Nested ones are resolved inside-out:
 * the values of a mapping first, then the template under them, recursively.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { describe, isMap, readYamlFile, type Yaml, type YamlMap } from "./yaml.js";

/** The key that names a template. */
export const TEMPLATE = "__template__";

/** Puts `over` on top of `base`: mappings merge key by key, everything else (null and lists too) replaces. */
export function overlay(base: Yaml, over: Yaml): Yaml {
  if (!isMap(base) || !isMap(over)) return over;
  const result: YamlMap = { ...base };
  for (const [key, value] of Object.entries(over)) {
    result[key] = Object.hasOwn(base, key) ? overlay(base[key], value) : value;
  }
  return result;
}

/**
 * Reads a YAML file with all its templates expanded.
 * A template is looked up beside the file that names it (`~` is the home folder), then among the bundled ones.
 * @throws UsageError when a template is missing or includes itself
 */
export function readExpanded(file: string, includedBy: readonly string[] = []): YamlMap {
  const path = resolve(file);
  if (includedBy.includes(path)) {
    throw new UsageError(
      "TemplateCycle",
      `${file}: ${TEMPLATE} includes itself (${[...includedBy, path].join(" → ")})`,
    );
  }
  return expand(readYamlFile(file), file, [...includedBy, path]) as YamlMap;
}

function expand(value: Yaml, file: string, chain: readonly string[]): Yaml {
  if (Array.isArray(value)) return value.map((v) => expand(v, file, chain));
  if (!isMap(value)) return value;
  const { [TEMPLATE]: name, ...rest } = value;
  const own = Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, expand(v, file, chain)]));
  if (!Object.hasOwn(value, TEMPLATE)) return own;
  if (typeof name !== "string") {
    throw new UsageError("BadTemplate", `${file}: ${TEMPLATE}: expected a file name, got ${describe(name)}`);
  }
  return overlay(readExpanded(templatePath(name, file), chain), own);
}

/** Where a template of `file` lies. @throws UsageError when there is none */
export function templatePath(name: string, file: string): string {
  const beside = resolve(dirname(file), name.replace(/^~(?=\/|$)/, homedir()));
  if (existsSync(beside)) return beside;
  const bundled = join(packageRoot(), "configs", name);
  if (existsSync(bundled)) return bundled;
  throw new UsageError("NoTemplate", `${file}: ${TEMPLATE}: ${name} is neither at ${beside} nor a bundled file`);
}
