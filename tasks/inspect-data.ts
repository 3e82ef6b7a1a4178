/** @file What is said of files that are no checkpoints: ground truths, results, lists, tables, configurations, feature logs. */
import { dirname, extname, join, resolve } from "node:path";
import { kindOfPath } from "../base/regular-file.js";
import { type Judgements, readBoxes, readJudgements } from "../data/datasets/ground-truth.js";
import { readLabelTable } from "../data/datasets/label-table.js";
import { duplicateWarning, readListFile } from "../data/datasets/list-file.js";
import { judgementWarnings, unusedRecordKeys } from "../data/datasets/oddities.js";
import { isThereAsWritten, resolveNames } from "../data/datasets/photo-names.js";
import { type Field, readDescription } from "../data/datasets/values.js";
import { describeHead, sniffImage } from "../data/image/sniff.js";
import { PyDict, PyFloat, type PyValue } from "../formats/python.js";
import { loadEvalConfig, loadTrainConfig } from "./config/load.js";
import { isMap, readYamlFile } from "./config/yaml.js";
import { describeShard } from "./evaluate/record-log.js";
import { type JsonValue, type OutlineEntry, outline } from "./outline.js";

/** What `inspect` says of such a file. */
export interface DataInspection {
  readonly format: "json" | "yaml" | "csv" | "text" | "record log";
  readonly kind: DataKind;
  /** Facts by name. */
  readonly meta: JsonValue;
  readonly outline: OutlineEntry[];
}

export type DataKind =
  | "ground truth"
  | "evaluation results"
  | "landmark set"
  | "names of data sets"
  | "record of a file"
  | "evaluation configuration"
  | "training configuration"
  | "photos and clusters"
  | "list of photos"
  | "features of photos"
  | "JSON"
  | "YAML";

/**
 * A file that begins as text or as a log of records; null for any other. Lists and tables are told by their names' endings,
 * for any text might be one.
 * @throws MissingDataError, FileFormatError and UsageError of whoever reads such files: a damaged one is refused
 */
export async function inspectData(file: string, head: Uint8Array): Promise<DataInspection | null> {
  const shard = await describeShard(file);
  if (shard)
    return { format: "record log", kind: "features of photos", meta: { ...shard, ...aboutOf(file) }, outline: [] };
  if (!isText(head)) return null;
  const ending = extname(file).toLowerCase();
  if (/^(\uFEFF|ï»¿)?\s*[{[]/.test(Buffer.from(head).toString("latin1"))) return inspectJson(file);
  if (ending === ".csv") return { format: "csv", kind: "photos and clusters", meta: tableFacts(file), outline: [] };
  if (ending === ".txt" || ending === ".lst") {
    return { format: "text", kind: "list of photos", meta: listFacts(file), outline: [] };
  }
  return ending === ".yml" || ending === ".yaml" || hasSections(file) ? inspectYaml(file) : null;
}

/** What a file that nobody reads seems to be, for an error. */
export function seemsToBe(head: Uint8Array): string {
  const image = sniffImage(head);
  if (image) return `a photo (${image}); fire-gpu extract describes photos`;
  const text = Buffer.from(head.subarray(0, 8)).toString("latin1");
  if (text.startsWith("\x93NUMPY")) return "a numpy array (.npy)";
  if (text.startsWith("PK")) return "a zip archive that torch.save did not write";
  if (text.startsWith("\x1f\x8b")) return "a gzip archive";
  if (text.startsWith("%PDF")) return "a PDF";
  if (isText(head)) return `text (${describeHead(head)}); lists of photos end by .txt or .lst, tables by .csv`;
  return `something else (${describeHead(head)})`;
}

/**
 * Facts of a ground truth, checked as an evaluation would.
 * @throws FileFormatError naming the record
 */
export function groundTruthFacts(top: Field): JsonValue {
  const bare = Array.isArray(top.value);
  const names = (key: string) => (!bare && top.has(key) ? top.at(key).strings() : undefined);
  const gnd = bare ? top : top.at("gnd");
  const records = gnd.list().length;
  const images = names("imlist");
  const queries = names("qimlist") ?? Array.from({ length: records }, (_, i) => `${i}`);
  if (queries.length !== records) gnd.fail(`as many records as qimlist (${queries.length}), got ${records}`);
  const judgements: Judgements = readJudgements(gnd, images?.length ?? Number.MAX_SAFE_INTEGER);
  const boxes = readBoxes(gnd, "each", queries).filter((box) => box !== null).length;
  const unused = unusedRecordKeys(gnd, judgements.protocol, queries);
  const odd = judgementWarnings(judgements, { file: top.file, queries, images: images ?? [] });
  const warnings = [...(images ? duplicateWarning(images, `${top.file}: imlist`) : []), ...unused.warnings, ...odd];
  return { images: images?.length ?? null, queries: records, protocol: judgements.protocol, boxes, warnings };
}

function inspectJson(file: string): DataInspection {
  const top = readDescription(file);
  const kind = jsonKind(top.value);
  const meta = kind === "ground truth" ? groundTruthFacts(top) : kind === "evaluation results" ? resultFacts(top) : {};
  return { format: "json", kind, meta, outline: [...outline(asPython(top.value))] };
}

function jsonKind(value: unknown): DataKind {
  if (Array.isArray(value)) {
    const [first] = value;
    return isMap(first) && ["ok", "easy", "hard"].some((key) => key in first) ? "ground truth" : "JSON";
  }
  const has = (...keys: string[]) => isMap(value) && keys.every((key) => Object.hasOwn(value, key));
  if (has("gnd") || has("imlist", "qimlist")) return "ground truth";
  if (has("experiment", "results")) return "evaluation results";
  if (has("parameters", "landmarks", "distractors")) return "landmark set";
  if (has("ingredients")) return "record of a file";
  const all = isMap(value) ? Object.values(value) : [];
  return all.length > 0 && all.every((v) => isMap(v) && "origin" in v) ? "names of data sets" : "JSON";
}

/** Headline scores of results.json, by data set and method. */
function resultFacts(top: Field): JsonValue {
  const text = (field: Field) => (typeof field.value === "string" ? field.value : field.fail("text"));
  const results = top
    .at("results")
    .list()
    .map((result): JsonValue => {
      const queries = result.at("queryNames").strings().length;
      const { value: scores } = result.at("scores");
      const means = isMap(scores) ? Object.entries(scores).filter(([key]) => key.startsWith("map")) : [];
      const facts = { dataset: text(result.at("dataset")), method: text(result.at("method")), queries };
      return { ...facts, ...Object.fromEntries(means as [string, number | null][]) };
    });
  return { experiment: text(top.at("experiment")), results };
}

/** A configuration is checked as the command that runs it would. */
function inspectYaml(file: string): DataInspection {
  const value = readYamlFile(file);
  const kind = yamlKind(value);
  const load = { "evaluation configuration": loadEvalConfig, "training configuration": loadTrainConfig }[
    kind as string
  ];
  const meta: JsonValue = load ? { experiment: load(file).experiment } : {};
  return { format: "yaml", kind, meta, outline: [...outline(asPython(value))] };
}

function yamlKind(value: object): DataKind {
  if ("demo_train" in value || "training" in value) return "training configuration";
  return "demo_eval" in value || "evaluation" in value ? "evaluation configuration" : "YAML";
}

function hasSections(file: string): boolean {
  try {
    const value = readYamlFile(file);
    return yamlKind(value) !== "YAML";
  } catch {
    return false;
  }
}

function tableFacts(file: string): JsonValue {
  const rows = readLabelTable(file);
  const sizes = new Map<string, number>();
  for (const { cluster } of rows) sizes.set(cluster, (sizes.get(cluster) ?? 0) + 1);
  const names = rows.map((row) => row.image);
  const folder = dirname(resolve(file));
  return {
    photos: rows.length,
    clusters: sizes.size,
    largest_cluster: [...sizes.values()].reduce((a, b) => Math.max(a, b), 0),
    ...missingOf(names, [folder]),
    warnings: duplicateWarning(names, file),
  };
}

function listFacts(file: string): JsonValue {
  const folders = [dirname(resolve(file)), resolve(".")];
  const { names, warnings, notes } = readListFile(file, "", isThereAsWritten(folders));
  const said = [...notes, ...warnings, ...duplicateWarning(names, file)];
  return { names: names.length, first: names[0], ...missingOf(names, folders), warnings: said };
}

/** How many names lead to no photo from here; a list may well be meant for another folder. */
function missingOf(names: readonly string[], folders: readonly string[]): { missing: number } {
  const missing = (folder: string) =>
    resolveNames(names, [folder]).filter((path) => kindOfPath(path) !== "file").length;
  return { missing: Math.min(...folders.map(missing)) };
}

/** What lies beside a log of features. */
function aboutOf(shard: string): { label?: string } {
  const file = join(dirname(shard), "about.json");
  if (kindOfPath(file) !== "file") return {};
  const { value } = readDescription(file);
  return isMap(value) && typeof value.label === "string" ? { label: value.label } : {};
}

/** Nothing but printable characters and ends of lines; UTF-16 has zeros and is none. */
function isText(head: Uint8Array): boolean {
  return head.length > 0 && head.every((b) => b >= 0x20 || (b >= 9 && b <= 13));
}

/** A value of JSON or YAML as the outline takes it: no deeper than it looks, of what lies below only how much it is. */
function asPython(value: unknown, depth = 4): PyValue {
  const below = (v: unknown) => (depth > 0 ? asPython(v, depth - 1) : null);
  if (Array.isArray(value)) return value.map(below);
  if (isMap(value)) return PyDict.of(Object.entries(value).map(([key, v]) => [key, below(v)]));
  if (typeof value === "number" && !Number.isSafeInteger(value)) return new PyFloat(value);
  return (value ?? null) as PyValue;
}
