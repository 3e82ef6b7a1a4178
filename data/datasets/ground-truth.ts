/** @file gnd_<name>.pkl and gnd.json: {imlist, qimlist, gnd: one record a query}, checked (datasets.md sections 3.2, 3.3). */
import type { Box } from "../resize.js";
import type { OldRecord, RevisitedRecord } from "./types.js";
import { Field } from "./values.js";

export type Judgements =
  | { readonly protocol: "revisited"; readonly records: RevisitedRecord[] }
  | { readonly protocol: "old"; readonly records: OldRecord[] };

/** Keys of a record by protocol. */
export const recordKeys = { revisited: ["easy", "hard", "junk", "bbx"], old: ["ok", "junk", "bbx"] } as const;

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
    return { protocol: "revisited", records: records.map((r) => expectKeys(r, ["easy", "hard"], "ok") && one(r)) };
  }
  const one = (r: Field) => ({ ok: read(r, "ok"), junk: read(r, "junk") });
  return { protocol: "old", records: records.map((r) => expectKeys(r, ["ok"], "easy", "hard") && one(r)) };
}

/**
 * A record without any list of positives is a mistake in the file, not a query without positives; so are positives by
 * the names of the other protocol, which would be dropped.
 */
function expectKeys(record: Field, anyOf: string[], ...others: string[]): true {
  if (!anyOf.some((k) => record.has(k))) record.fail(`a mapping with ${anyOf.join(" or ")}`);
  const other = others.find((k) => record.has(k));
  if (other) record.fail(`positives as ${anyOf.join(" and ")} like in the first record, got ${other} too`);
  return true;
}

/**
 * The box of each query; null is the whole image.
 * @param rule "first": the reference's, of the published sets: without `bbx` in the first record none counts. "each": every
 *   record has its own box or none
 * @throws FileFormatError naming the record and the query of a box that is none
 */
export function readBoxes(gnd: Field, rule: "first" | "each", queries: readonly string[]): (Box | null)[] {
  const records = gnd.list();
  if (rule === "first" && !records[0]?.has("bbx")) return records.map(() => null);
  return records.map((r, i) => {
    const { file, path, value } = r.at("bbx");
    return new Field(file, `${path} (query ${queries[i]})`, value).box();
  });
}
