/**
 * @file What a step's file was made of, and the hash of all its bytes. The reference's pickles cannot say it, so it lies
 * beside them in `<file>.json`, under a seal of its own. A file without a record comes from another program and is taken
 * as it is; one that does not have its recorded bytes is refused.
 */
import { existsSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../../base/atomic.js";
import { FileFormatError, UsageError } from "../../../base/errors.js";
import { besides } from "../../../base/file-names.js";
import { sha256, sha256File } from "../../../base/hash.js";
import { readRegularText } from "../../../base/regular-file.js";
import { differences, type Ingredients } from "../fingerprint.js";
import type { Session } from "../session.js";

const size = z.int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const ingredients = z.record(z.string(), z.unknown());
const sealed = z.strictObject({ bytes: size, sha256: hash, ingredients, seal: hash });
/** Of older programs: without hashes. */
const old = z.strictObject({ bytes: size, ingredients });

/** Writes a file by `write`, then its record: a file that a killed run left has none rather than that of its predecessor. */
export async function writeRecorded(file: string, made: Ingredients, write: () => void | Promise<void>): Promise<void> {
  rmSync(recordOf(file), { force: true });
  await write();
  const about = { bytes: statSync(file).size, sha256: await sha256File(file), ingredients: made };
  writeFileAtomic(recordOf(file), `${JSON.stringify({ ...about, seal: sealOf(about) }, null, 1)}\n`);
}

/** What the file is made of; null when nobody noted it. @throws FileFormatError when the record is damaged */
export function readRecord(file: string): Ingredients | null {
  const record = parseRecord(file);
  if (!record) return null;
  // The record of an older program says nothing about a file that was replaced since.
  return "seal" in record || record.bytes === statSync(file).size ? record.ingredients : null;
}

/**
 * Makes sure that a file is whole, and what this run would make, as far as its record tells.
 * @throws FileFormatError when the file or its record is damaged; UsageError naming what differs: nothing is overwritten,
 *   the user decides
 */
export async function checkRecord({ log }: Session, file: string, expected: Ingredients): Promise<void> {
  const recorded = readRecord(file);
  if (!recorded) {
    log.note(`${basename(file)}: no record of how it was made (another program?); used as it is`);
    return;
  }
  const known = Object.fromEntries(Object.entries(expected).filter(([name]) => name in recorded));
  const shared = Object.fromEntries(Object.keys(known).map((name) => [name, recorded[name]]));
  const changed = differences(shared, known);
  if (changed.length > 0)
    throw new UsageError(
      "StaleStep",
      `${file}: made with another ${changed.join(", ")}; delete it to make it anew, or use another --experiment`,
    );
  await checkBytes(log, file);
}

async function checkBytes(log: Session["log"], file: string): Promise<void> {
  const record = parseRecord(file);
  if (!record) return;
  if (!("seal" in record)) {
    log.note(`${basename(file)}: its record, of an older version, has no checksum; used unverified`);
    return;
  }
  if (record.bytes === statSync(file).size && record.sha256 === (await sha256File(file))) return;
  throw new FileFormatError(
    "ChecksumMismatch",
    file,
    `not the bytes that ${basename(recordOf(file))} records: damaged, or replaced by another program; delete both to make it anew, or only ${basename(recordOf(file))} to use it as it is`,
  );
}

function recordOf(file: string): string {
  return besides(file, ".json");
}

function sealOf({ bytes, sha256: hash, ingredients }: Omit<z.infer<typeof sealed>, "seal">): string {
  return sha256(Buffer.from(JSON.stringify([bytes, hash, ingredients])));
}

function parseRecord(file: string): z.infer<typeof sealed> | z.infer<typeof old> | null {
  const place = recordOf(file);
  if (!existsSync(place)) return null;
  const damaged = (what: string, cause?: unknown) =>
    new FileFormatError(
      "MalformedFile",
      place,
      `${what}; delete it to use ${basename(file)} as it is, or both to make it anew`,
      { cause },
    );
  let value: unknown;
  try {
    value = JSON.parse(readRegularText(place));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw damaged("not JSON", cause);
  }
  const before = old.safeParse(value);
  if (before.success) return before.data;
  const record = sealed.safeParse(value);
  if (!record.success) throw damaged("not a record of how a file was made");
  if (record.data.seal !== sealOf(record.data)) throw damaged("it does not have its recorded sha256");
  return record.data;
}
