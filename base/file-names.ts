/**
 * @file Names made from a file's name: temporary ones, and those of files that lie beside it. Where the whole would be
 * longer than a file system takes, the middle is replaced by its hash, so that every name a user may choose works.
 */
import { createHash, randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** Bytes of a name on nearly every file system. */
const LONGEST = 255;
/** A temporary name may be longer than the final one up to here, which every file system takes. */
const SHORT = 64;

/**
 * `<file><suffix>`, the same for the same file every time; a name of more than 255 bytes has its end replaced by a hash.
 * @param suffix at most 200 bytes
 */
export function besides(file: string, suffix: string): string {
  const name = basename(file);
  if (Buffer.byteLength(name) + Buffer.byteLength(suffix) <= LONGEST) return `${file}${suffix}`;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
  const room = LONGEST - Buffer.byteLength(suffix) - hash.length - 1;
  return join(dirname(file), `${firstBytes(name, room)}~${hash}${suffix}`);
}

/** `.<name>.<process>.<random>.tmp` in the same folder: two writers of one file do not mix. Not longer than the name itself. */
export function temporaryName(file: string): string {
  const name = basename(file);
  const unique = `.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  const room = Math.max(Buffer.byteLength(name), SHORT) - 1 - unique.length;
  return join(dirname(file), `.${firstBytes(name, room)}${unique}`);
}

/** The beginning of a text that fits in so many bytes of UTF-8, cut between characters. */
function firstBytes(text: string, room: number): string {
  let out = "";
  let used = 0;
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > room) break;
    out += character;
  }
  return out;
}
