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
/** Files that one configuration may be made of, each counted as often as it is named. */
const maxFiles = 100;

/** Puts `over` on top of `base`: mappings merge key by key, everything else (null and lists too) replaces. */
export function overlay(base: Yaml, over: Yaml): Yaml {
  if (!isMap(base) || !isMap(over)) return over;
  const result = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over))
    result.set(key, Object.hasOwn(base, key) ? overlay(base[key], value) : value);
  // defines properties: a key "__proto__" is an ordinary, unknown one
  return Object.fromEntries(result);
}

/**
 * Reads a YAML file with all its templates expanded.
 * A template is looked up beside the file that names it (`~` is the home folder), then among the bundled ones.
 * @throws UsageError when a template is missing or includes itself
 */
export function readExpanded(file: string, includedBy: readonly string[] = [], read = { files: 0 }): YamlMap {
  const path = resolve(file);
  // two templates a file, each again with two, are a thousand at the tenth level
  if (++read.files > maxFiles)
    throw new UsageError("TemplateCycle", `${file}: more than ${maxFiles} templates in one configuration`);
  if (includedBy.includes(path)) {
    throw new UsageError(
      "TemplateCycle",
      `${file}: ${TEMPLATE} includes itself (${[...includedBy, path].join(" → ")})`,
    );
  }
  return expand(readYamlFile(file), file, [...includedBy, path], read) as YamlMap;
}

function expand(value: Yaml, file: string, chain: readonly string[], read: { files: number }): Yaml {
  if (Array.isArray(value)) return value.map((v) => expand(v, file, chain, read));
  if (!isMap(value)) return value;
  const { [TEMPLATE]: name, ...rest } = value;
  const own = Object.fromEntries(Object.entries(rest).map(([k, v]) => [k, expand(v, file, chain, read)]));
  if (!Object.hasOwn(value, TEMPLATE)) return own;
  if (typeof name !== "string") {
    throw new UsageError("BadTemplate", `${file}: ${TEMPLATE}: expected a file name, got ${describe(name)}`);
  }
  return overlay(readExpanded(templatePath(name, file), chain, read), own);
}

/** Where a template of `file` lies. @throws UsageError when there is none */
export function templatePath(name: string, file: string): string {
  const beside = resolve(dirname(file), name.replace(/^~(?=\/|$)/, homedir()));
  if (existsSync(beside)) return beside;
  const bundled = join(packageRoot(), "configs", name);
  if (existsSync(bundled)) return bundled;
  throw new UsageError("NoTemplate", `${file}: ${TEMPLATE}: ${name} is neither at ${beside} nor a bundled file`);
}
