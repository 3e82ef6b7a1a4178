/** @file Reads and writes YAML as the reference's files are written: version 1.1, plain data only. */
import { Document, isScalar, isSeq, LineCounter, parseDocument, type ScalarTag, type Tags, visit } from "yaml";
import { UsageError } from "../../base/errors.js";
import { readRegularText } from "../../base/regular-file.js";
import { type NodeProblem, problemIn } from "./yaml-nodes.js";

/** What a YAML file can hold. */
export type Yaml = null | boolean | number | string | Yaml[] | YamlMap;
export interface YamlMap {
  [key: string]: Yaml;
}

/** True for a mapping (not a list, not null). */
export function isMap(value: unknown): value is YamlMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Characters a configuration may have: a hundred times what the longest one has. */
const maxLength = 1 << 20;

/**
 * Parses the YAML 1.1 text of an option; `1e-4` and `1.e-4` are both numbers.
 * @param where names the option in errors
 * @throws UsageError on a syntax error, a repeated key, a tag that is not plain data, or aliases that multiply or contain
 *   themselves
 */
export function parseYaml(text: string, where: string): Yaml {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return plain(text, ({ problem }) => `${where}: ${JSON.stringify(shown)} is no value: ${problem}`);
}

/** A document and the lines of its text; errors lie in the document. */
export function parseLines(text: string): { document: Document.Parsed; lines: LineCounter } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: "1.1",
    customTags: pythonTags,
    logLevel: "silent",
    prettyErrors: false,
    lineCounter: lines,
    // looked for in yaml-nodes.ts: the library compares every key with every other
    uniqueKeys: false,
  });
  return { document, lines };
}

/** @param say the message of an error; `at` is an offset in the text */
function plain(text: string, say: (problem: NodeProblem, lines?: LineCounter) => string): Yaml {
  const fail = (problem: NodeProblem, lines?: LineCounter, cause?: unknown) =>
    new UsageError("BadYaml", say(problem, lines), { cause });
  if (text.length > maxLength)
    throw fail({ problem: `expected at most ${maxLength} characters, got ${text.length}`, at: 0 });
  try {
    const { document, lines } = parseLines(text);
    const error = document.errors[0] ?? document.warnings[0];
    if (error) throw fail({ problem: error.message.split("\n")[0], at: error.pos[0] }, lines);
    const odd = problemIn(document);
    if (odd) throw fail(odd, lines);
    return document.toJS() as Yaml;
  } catch (e) {
    if (e instanceof UsageError) throw e;
    const problem = e instanceof RangeError ? "lists and mappings nested too deeply" : (e as Error).message;
    throw fail({ problem: problem.split("\n")[0], at: 0 }, undefined, e);
  }
}

/** What YAML has beside texts, numbers, lists and mappings: bytes, dates, sets. A date is a text here. */
const notPlain = /^tag:yaml.org,2002:(binary|timestamp|set|omap|pairs)$/;

/**
 * The reference's reader takes yes, no, on, off, true and false for truth values, but leaves `y` and `N` alone,
 * which YAML 1.1 does not: without this the key `N` of LIT would become `false`.
 */
function pythonTags(tags: Tags): Tags {
  const plain = tags.filter((tag) => typeof tag === "string" || !notPlain.test(tag.tag));
  return plain.map((tag) => {
    if (typeof tag === "string" || tag.tag !== "tag:yaml.org,2002:bool") return tag;
    const bool = tag as ScalarTag;
    return { ...bool, test: { test: (s: string) => s.length > 1 && bool.test?.test(s) === true } as RegExp };
  });
}

/** Reads one YAML file. Throws UsageError when it cannot be read or parsed, or holds no mapping. */
export function readYamlFile(file: string): YamlMap {
  let text: string;
  try {
    text = readRegularText(file);
  } catch (cause) {
    throw new UsageError("NoConfig", (cause as Error).message, { cause });
  }
  const value = plain(text, ({ problem, at }, lines) => `${lines ? place(file, lines, at) : file}: ${problem}`);
  if (!isMap(value)) throw new UsageError("BadYaml", `${file}: expected a mapping of keys, got ${describe(value)}`);
  return value;
}

/** `file:line:column` of an offset. */
export function place(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${line}:${col}`;
}

/** Block-style YAML text of plain data; lists of plain values stay on one line. */
export function writeYaml(value: unknown): string {
  const document = new Document(value, { version: "1.1", customTags: pythonTags, aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_, list) => {
      if (list.items.every((item) => isScalar(item) || isSeq(item))) list.flow = true;
    },
  });
  return document.toString({ lineWidth: 120, flowCollectionPadding: false });
}

/** A short name of a value's kind for messages: `null`, `a list`, `"text"`, `3`. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (isMap(value)) return "a mapping";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
