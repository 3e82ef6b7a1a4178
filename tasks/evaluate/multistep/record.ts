/**
 * @file What a step's file was made of. The reference's pickles cannot say it, so it lies beside them in `<file>.json`; a
 * file without a record, or one that was replaced since, comes from another program and is taken as it is.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { writeFileAtomic } from "../../../base/atomic.js";
import { UsageError } from "../../../base/errors.js";
import { differences, type Ingredients } from "../fingerprint.js";
import type { Session } from "../session.js";

interface FileRecord {
  readonly bytes: number;
  readonly ingredients: Ingredients;
}

/** Notes what a file that was just written is made of. */
export function writeRecord(file: string, ingredients: Ingredients): void {
  const record: FileRecord = { bytes: statSync(file).size, ingredients };
  writeFileAtomic(`${file}.json`, `${JSON.stringify(record, null, 1)}\n`);
}

/** What the file is made of; null when nobody noted it. */
export function readRecord(file: string): Ingredients | null {
  if (!existsSync(`${file}.json`)) return null;
  try {
    const { bytes, ingredients } = JSON.parse(readFileSync(`${file}.json`, "utf8")) as FileRecord;
    // The record of a file that was replaced says nothing about the new one.
    return statSync(file).size === bytes ? ingredients : null;
  } catch {
    return null;
  }
}

/**
 * Makes sure that a file is what this run would make, as far as its record tells.
 * @throws UsageError naming what differs: nothing is overwritten, the user decides
 */
export function checkRecord({ log }: Session, file: string, expected: Ingredients): void {
  const recorded = readRecord(file);
  if (!recorded) {
    log.note(`${basename(file)}: no record of how it was made (another program?); used as it is`);
    return;
  }
  const known = Object.fromEntries(Object.entries(expected).filter(([name]) => name in recorded));
  const shared = Object.fromEntries(Object.keys(known).map((name) => [name, recorded[name]]));
  const changed = differences(shared, known);
  if (changed.length === 0) return;
  throw new UsageError(
    "StaleStep",
    `${file}: made with another ${changed.join(", ")}; delete it to make it anew, or use another --experiment`,
  );
}
