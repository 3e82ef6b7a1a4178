/** @file The line of a configuration file, or of one of its templates, that holds a key: where a user has to look. */
import { isAlias, isMap, isScalar, isSeq } from "yaml";
import { readRegularText } from "../../base/regular-file.js";
import { TEMPLATE, templatePath } from "./template.js";
import { parseLines, place } from "./yaml.js";

/**
 * `file:line:column` of the key, else of the nearest mapping above it, else the file alone (a key of the first level that
 * is missing). Keys that a template holds are found there.
 */
export function locate(file: string, path: readonly string[]): string {
  for (let n = path.length; n > 0; n--) {
    const found = find(file, path.slice(0, n), []);
    if (found) return found;
  }
  return file;
}

function find(file: string, path: readonly string[], seen: readonly string[]): string | null {
  if (seen.includes(file)) return null;
  const { document, lines } = parseLines(readRegularText(file));
  const templates: { file: string; rest: readonly string[] }[] = [];
  let node: unknown = document.contents;
  for (const [i, key] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    const template = isMap(node) ? node.get(TEMPLATE) : undefined;
    if (typeof template === "string") templates.unshift({ file: templatePath(template, file), rest: path.slice(i) });
    const next = entry(node, key);
    if (!next) break;
    if (i === path.length - 1) return place(file, lines, next.offset);
    node = next.value;
  }
  for (const { file: other, rest } of templates) {
    const found = find(other, rest, [...seen, file]);
    if (found) return found;
  }
  return null;
}

/** A mapping's key or a list's position. */
function entry(node: unknown, key: string) {
  if (isSeq(node)) {
    const value = node.items[Number(key)] as { range?: [number, number, number] } | undefined;
    return value?.range ? { value, offset: value.range[0] } : null;
  }
  if (!isMap(node)) return null;
  const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  const range = isScalar(pair?.key) ? pair.key.range : undefined;
  return pair && range ? { value: pair.value, offset: range[0] } : null;
}
