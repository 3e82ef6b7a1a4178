/**
 * @file The file that remembers choices: one for each adapter, driver version and state of the kernels, in the user's
 * cache folder. It may be deleted at any time.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import { cacheFolder } from "../../base/cache-folder.js";
import { sha256 } from "../../base/hash.js";
import { readRegularText } from "../../base/regular-file.js";
import type { Capabilities } from "../adapter.js";
import { asChoices, type Choices } from "./choices.js";
import type { Tuning } from "./measure.js";

/** To be raised whenever the table of choices or the speed of one of its kernels changes. */
const FORMAT = 2;

/** Whose choices a file holds. */
const keyOf = ({ name, driver }: Capabilities) => ({ format: FORMAT, adapter: name, driver });

/** The file for an adapter with its driver. */
export function tuningFile(caps: Capabilities, folder = cacheFolder()): string {
  const key = sha256(Buffer.from(JSON.stringify(keyOf(caps)))).slice(0, 12);
  const name = caps.name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return join(folder, "tuning", `${name.slice(0, 60)}-${key}.json`);
}

/**
 * The choices that were kept for this adapter and driver; undefined when there are none. A file that is damaged or of
 * another device is none, which `news` is told.
 */
export function readChoices(
  caps: Capabilities,
  news: (line: string) => void = () => {},
  folder = cacheFolder(),
): Choices | undefined {
  const file = tuningFile(caps, folder);
  if (!existsSync(file)) return undefined;
  try {
    const { sha256: seal, ...kept } = objectOf(readRegularText(file));
    for (const [key, value] of Object.entries(keyOf(caps)))
      if (kept[key] !== value) throw new Error(`expected ${key} ${JSON.stringify(value)}`);
    const choices = asChoices(caps, kept.choices);
    if (!choices) throw new Error("it holds choices that this device does not have");
    const old = seal === undefined && Object.keys(kept).length === OLD_KEYS;
    if (!old && seal !== sealOf(kept)) throw new Error("it does not have its recorded sha256");
    if (old) news(`${file}: of an older version, without a checksum; used unverified`);
    return choices;
  } catch (e) {
    news(`${file} is not used: ${(e as Error).message.split("\n")[0]}`);
    return undefined;
  }
}

/** Writes the file, with the times for people. Returns its path. @throws WriteError CannotWrite */
export function keepTuning(caps: Capabilities, { choices, measured }: Tuning, folder = cacheFolder()): string {
  const file = tuningFile(caps, folder);
  const kept = { ...keyOf(caps), choices, measured };
  writeFileAtomic(file, `${JSON.stringify({ ...kept, sha256: sealOf(kept) }, null, 1)}\n`);
  return file;
}

/** Files of older versions hold the key, choices and measurements, and no hash of them. */
const OLD_KEYS = 5;

function sealOf(kept: object): string {
  return sha256(Buffer.from(JSON.stringify(kept)));
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new Error("expected an object");
  return value as Record<string, unknown>;
}
