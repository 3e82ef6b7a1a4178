/** @file Reads and writes YAML as the reference's files are written: version 1.1, plain data only. */
import { Document, isScalar, isSeq, LineCounter, parseDocument, type ScalarTag, type Tags, visit } from "yaml";
import { UsageError } from "../../base/errors.js";
import { readRegularText } from "../../base/regular-file.js";

/** What a YAML file can hold. */
export type Yaml = null | boolean | number | string | Yaml[] | YamlMap;
export interface YamlMap {
  [key: string]: Yaml;
}

/** True for a mapping (not a list, not null). */
export function isMap(value: unknown): value is YamlMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses the YAML 1.1 text of an option; `1e-4` and `1.e-4` are both numbers.
 * @param where names the option in errors
 * @throws UsageError on a syntax error, a repeated key or a tag that is not plain data
 */
export function parseYaml(text: string, where: string): Yaml {
  return plain(parseLines(text).document, ({ problem }) => `${where}: ${JSON.stringify(text)} is no value: ${problem}`);
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
  });
  return { document, lines };
}

/** @param say the message of an error; `at` is an offset in the text */
function plain(document: Document.Parsed, say: (error: { problem: string; at: number }) => string): Yaml {
  const error = document.errors[0] ?? document.warnings[0];
  if (error) throw new UsageError("BadYaml", say({ problem: error.message.split("\n")[0], at: error.pos[0] }));
  return document.toJS({ maxAliasCount: 100 }) as Yaml;
}

/**
 * The reference's reader takes yes, no, on, off, true and false for truth values, but leaves `y` and `N` alone,
 * which YAML 1.1 does not: without this the key `N` of LIT would become `false`.
 */
function pythonTags(tags: Tags): Tags {
  return tags.map((tag) => {
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
  const { document, lines } = parseLines(text);
  const value = plain(document, ({ problem, at }) => `${place(file, lines, at)}: ${problem}`);
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
