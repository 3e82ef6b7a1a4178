/** @file The extended headers of POSIX tar: records "LENGTH key=value\n", read in one pass. */
import { FileFormatError } from "../../base/errors.js";

/** What extended headers say of the entry after them. */
export interface Extended {
  readonly path?: string;
  readonly size?: number;
  /** The body is a map of holes and pieces, not the file. */
  readonly sparse?: boolean;
}

const SPACE = 32;
const NEWLINE = 10;
const EQUALS = 61;
const ZERO = 48;
/** Digits of a length: headers are limited to far less than this allows. */
const MOST_DIGITS = 8;

/** @throws FileFormatError MalformedFile when a record does not end where it says, or holds no key */
export function parsePax(bytes: Uint8Array, archive: string): Extended {
  const out: { path?: string; size?: number; sparse?: boolean } = {};
  for (let at = 0; at < bytes.length; ) {
    const { end, begin } = recordAt(bytes, at, archive);
    const record = bytes.subarray(begin, end - 1);
    const equals = record.indexOf(EQUALS);
    if (equals < 0) throw malformed(archive);
    const key = textOf(record.subarray(0, Math.min(equals, 100)));
    if (key === "path") out.path = textOf(record.subarray(equals + 1));
    if (key === "size") out.size = sizeOf(textOf(record.subarray(equals + 1, equals + 30)), archive);
    if (key.startsWith("GNU.sparse.")) out.sparse = true;
    at = end;
  }
  return out;
}

/** Where the text of the record at `at` begins, and where the record ends. */
function recordAt(bytes: Uint8Array, at: number, archive: string): { begin: number; end: number } {
  let length = 0;
  let digits = 0;
  for (; digits < MOST_DIGITS; digits++) {
    const digit = bytes[at + digits] - ZERO;
    if (!(digit >= 0 && digit <= 9)) break;
    length = length * 10 + digit;
  }
  const begin = at + digits + 1;
  const end = at + length;
  if (digits === 0 || bytes[begin - 1] !== SPACE || end <= begin || end > bytes.length || bytes[end - 1] !== NEWLINE)
    throw malformed(archive);
  return { begin, end };
}

function sizeOf(text: string, archive: string): number {
  const size = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw malformed(archive);
  return size;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

function malformed(archive: string): FileFormatError {
  return new FileFormatError("MalformedFile", archive, "an extended tar header is malformed");
}
