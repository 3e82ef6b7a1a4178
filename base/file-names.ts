/**
 * @file Names made from a file's name: temporary ones, and those of files that lie beside it. Where the whole would be
 * longer than a file system takes, the middle is replaced by its hash, so that every name a user may choose works.
 */
import { createHash, randomBytes } from "node:crypto";
import { lstatSync, readlinkSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

/** Bytes of a name on nearly every file system. */
const LONGEST = 255;
/** A temporary name may be longer than the final one up to here, which every file system takes. */
const SHORT = 64;
/** As Linux has it. */
const MOST_LINKS = 40;

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
  const unique = `.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  return join(dirname(file), `${hidden(file, unique.length)}${unique}`);
}

/** Whether `name` is a temporary name of `file`, given by this or another process. */
export function isTemporaryOf(file: string, name: string): boolean {
  const [unique] = /\.\d{1,10}\.[0-9a-f]{8}\.tmp$/.exec(name) ?? [];
  return unique !== undefined && name === `${hidden(file, unique.length)}${unique}`;
}

/** `.<name>`, cut so that `more` characters after it do not make it too long. */
function hidden(file: string, more: number): string {
  const name = basename(file);
  return `.${firstBytes(name, Math.max(Buffer.byteLength(name), SHORT) - 1 - more)}`;
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

/** Where a chain of links ends, whether anything is there or not: what writing to `file` writes. @throws a system error ELOOP */
export function throughLinks(file: string): string {
  let at = file;
  for (let steps = 0; isLink(at); steps++) {
    if (steps === MOST_LINKS) throw Object.assign(new Error(`ELOOP: ${file}`), { code: "ELOOP", syscall: "readlink" });
    at = resolve(dirname(at), readlinkSync(at));
  }
  return at;
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    // Not there, or not to be looked at: whoever opens it is told why.
    return false;
  }
}
