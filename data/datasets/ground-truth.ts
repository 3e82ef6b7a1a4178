/** @file gnd_<name>.pkl and gnd.json: {imlist, qimlist, gnd: one record a query}, checked (datasets.md sections 3.2, 3.3). */
import type { Box } from "../resize.js";
import type { OldRecord, RevisitedRecord } from "./types.js";
import type { Field } from "./values.js";

export type Judgements =
  | { readonly protocol: "revisited"; readonly records: RevisitedRecord[] }
  | { readonly protocol: "old"; readonly records: OldRecord[] };

/**
 * Reads the records of `gnd`, whose indices must lie in a database of `images` photos. The first record decides: with
 * `easy` or `hard` all are revisited (easy, hard, junk), else old (ok, junk); a missing list is an empty one.
 * @throws FileFormatError naming the record and the key.
 */
export function readJudgements(gnd: Field, images: number): Judgements {
  const records = gnd.list();
  const [first] = records;
  if (!first) gnd.fail("at least one record, got none");
  const read = (r: Field, key: string) => (r.has(key) ? r.at(key).indices(images, "images") : []);
  if (first.has("easy") || first.has("hard")) {
    const one = (r: Field) => ({ easy: read(r, "easy"), hard: read(r, "hard"), junk: read(r, "junk") });
    return { protocol: "revisited", records: records.map((r) => expectKeys(r, ["easy", "hard"]) && one(r)) };
  }
  const one = (r: Field) => ({ ok: read(r, "ok"), junk: read(r, "junk") });
  return { protocol: "old", records: records.map((r) => expectKeys(r, ["ok"]) && one(r)) };
}

/** A record without any list of positives is a mistake in the file, not a query without positives. */
function expectKeys(record: Field, anyOf: string[]): true {
  if (!anyOf.some((k) => record.has(k))) record.fail(`a mapping with ${anyOf.join(" or ")}`);
  return true;
}

/** Boxes count only when the first record has `bbx`; a null one means the whole image. Null: no boxes at all. */
export function readBoxes(gnd: Field): (Box | null)[] | null {
  const records = gnd.list();
  if (!records[0]?.has("bbx")) return null;
  return records.map((r) => r.at("bbx").box());
}

/** What is odd about judgements, in sentences: ids twice in a list, ids that are both positive and junk. */
export function judgementWarnings(judgements: Judgements, file: string): string[] {
  const { records } = judgements;
  let twice = 0;
  let both = 0;
  let empty = 0;
  for (const r of records) {
    const good = "ok" in r ? r.ok : [...r.easy, ...r.hard];
    if (new Set(good).size !== good.length || new Set(r.junk).size !== r.junk.length) twice++;
    const junk = new Set(r.junk);
    if (good.some((id) => junk.has(id))) both++;
    if (good.length === 0) empty++;
  }
  const out: string[] = [];
  const queries = (n: number) => `${file}: ${n} of ${records.length} queries`;
  if (twice) out.push(`${queries(twice)} list an image more than once; each occurrence counts`);
  if (both) out.push(`${queries(both)} list an image both as positive and as junk; it counts as positive`);
  if (empty) out.push(`${queries(empty)} have no positive image and are left out of the means`);
  return out;
}

/** Old protocol: a query photo that is in the database and not junk would be found first and judged. */
export function selfMatchWarning(
  records: readonly OldRecord[],
  queryImages: readonly number[],
  file: string,
): string[] {
  const found = records.filter((r, i) => queryImages[i] >= 0 && !r.junk.includes(queryImages[i])).length;
  if (found === 0) return [];
  return [`${file}: ${found} of ${records.length} query photos are in the database and not in their own junk list`];
}
