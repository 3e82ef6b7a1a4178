/**
 * @file What looks odd about a ground truth but does not prevent its use, one sentence each, with the first query or photo
 * by name: nothing of a user's file is dropped or counted twice without a word.
 */
import { slipsOf } from "../../base/suggest.js";
import { type Judgements, recordKeys } from "./ground-truth.js";
import type { OldRecord } from "./types.js";
import type { Field } from "./values.js";

/** Whom judgements are about. */
export interface JudgedNames {
  readonly file: string;
  readonly queries: readonly string[];
  readonly images: readonly string[];
}

/** Images twice in a list or in two lists of one query, and queries without positives. */
export function judgementWarnings({ records }: Judgements, { file, queries, images }: JudgedNames): string[] {
  const found = new Map<string, string[]>();
  const add = (what: string, query: number, image?: number) => {
    const name = image === undefined ? queries[query] : `${queries[query]} with ${images[image] ?? `image ${image}`}`;
    found.set(what, [...(found.get(what) ?? []), name]);
  };
  for (const [q, record] of records.entries()) {
    const lists = Object.entries(record) as [string, readonly number[]][];
    for (const [, ids] of lists) {
      const twice = firstRepeat(ids);
      if (twice === undefined) continue;
      add("list an image more than once; each occurrence counts", q, twice);
      break;
    }
    for (const [i, [one, ids]] of lists.entries())
      for (const [other, others] of lists.slice(i + 1)) {
        const both = firstCommon(ids, others);
        if (both !== undefined) add(bothText(one, other), q, both);
      }
    if (lists.every(([key, ids]) => key === "junk" || ids.length === 0))
      add("have no positive image and are left out of the means", q);
  }
  return [...found].map(
    ([what, names]) => `${file}: ${names.length} of ${records.length} queries ${what} (the first is ${names[0]})`,
  );
}

function bothText(one: string, other: string): string {
  if (other === "junk")
    return `list an image both as ${one === "ok" ? "positive" : one} and as junk; it counts as positive`;
  return `list an image both as ${one} and as ${other}; it counts twice where both are positives`;
}

function firstCommon(a: readonly number[], b: readonly number[]): number | undefined {
  const there = new Set(b);
  return a.find((id) => there.has(id));
}

function firstRepeat(ids: readonly number[]): number | undefined {
  const seen = new Set<number>();
  return ids.find((id) => seen.size === seen.add(id).size);
}

/** What others call the keys of a record: a box under another name would be dropped, and the whole photo asked for. */
const otherNames: Readonly<Record<string, string>> = {
  bbox: "bbx",
  box: "bbx",
  boxes: "bbx",
  rect: "bbx",
  roi: "bbx",
  positive: "ok",
  positives: "ok",
  good: "ok",
  relevant: "ok",
  ignore: "junk",
  ignored: "junk",
};

/** What is said of keys that nothing reads. */
interface UnusedKeys {
  /** Keys that were probably meant to be others. */
  readonly warnings: string[];
  /** The rest, in one line: a file may well hold more than is needed here. */
  readonly notes: string[];
}

/** Keys of records that nothing reads. */
export function unusedRecordKeys(
  gnd: Field,
  protocol: keyof typeof recordKeys,
  queries: readonly string[],
): UnusedKeys {
  const known = recordKeys[protocol];
  const found = new Map<string, number[]>();
  for (const [q, record] of gnd.list().entries())
    for (const key of keysOf(record)) if (!known.includes(key as never)) found.set(key, [...(found.get(key) ?? []), q]);
  const warnings: string[] = [];
  const rest: string[] = [];
  for (const [key, records] of found) {
    const near = nearest(key, known) ?? otherNames[key.toLowerCase()];
    const where = `${records.length} records (the first is that of query ${queries[records[0]]})`;
    if (near) warnings.push(`${gnd.file}: ${JSON.stringify(key)} in ${where} is not used; did you mean ${near}?`);
    else rest.push(key);
  }
  const notes = rest.length ? [`${gnd.file}: keys of records that are not used: ${rest.join(", ")}`] : [];
  return { warnings, notes };
}

/** Keys of a description that nothing reads. */
export function unusedKeys(top: Field, known: readonly string[]): UnusedKeys {
  const unknown = keysOf(top).filter((key) => !known.includes(key));
  const meant = unknown.filter((key) => nearest(key, known));
  const rest = unknown.filter((key) => !nearest(key, known));
  return {
    warnings: meant.map(
      (key) => `${top.file}: ${JSON.stringify(key)} is not used; did you mean ${nearest(key, known)}?`,
    ),
    notes: rest.length ? [`${top.file}: keys that are not used: ${rest.join(", ")}`] : [],
  };
}

function keysOf({ value }: Field): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return value instanceof Map ? [...value.keys()].map(String) : Object.keys(value);
}

function nearest(key: string, known: readonly string[]): string | undefined {
  return slipsOf(key, known)[0];
}

/** Old protocol: a query photo that is in the database and not junk would be found first and judged. */
export function selfMatchWarning(
  records: readonly OldRecord[],
  queryImages: readonly number[],
  { file, queries }: Pick<JudgedNames, "file" | "queries">,
): string[] {
  const found = [...records.keys()].filter((i) => queryImages[i] >= 0 && !records[i].junk.includes(queryImages[i]));
  if (found.length === 0) return [];
  return [
    `${file}: ${found.length} of ${records.length} query photos are in the database and not in their own junk list (the first is ${queries[found[0]]})`,
  ];
}
