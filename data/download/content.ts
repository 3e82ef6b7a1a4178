/**
 * @file Whether what a server sent can be the file that was asked for: by its first bytes, its last bytes, and, where the
 * content has no mark of its own, by what the server calls it. A page that says "not found" or "log in" often comes with
 * status 200.
 */
import { extname } from "node:path";
import { readUpToSync } from "../../base/file-io.js";
import { withRegular } from "../../base/regular-file.js";
import { DownloadError } from "./errors.js";

/** How a kind of file begins, and how it ends where that can be told. */
interface Kind {
  readonly begins: (head: Buffer) => boolean;
  /** Whether the last bytes are the end of such a file; undefined, or left out, where that cannot be told. */
  readonly ends?: (tail: Buffer, head: Buffer) => boolean | undefined;
}

const HEAD = 1024;
/** The longest end: of a zip archive with a comment. */
const TAIL = 22 + 65_535;

const beginsWith =
  (...marks: readonly string[]) =>
  (head: Buffer) =>
    marks.some((mark) => head.subarray(0, mark.length).toString("latin1") === mark);

const PROTOCOLS = ["\x80\x02", "\x80\x03", "\x80\x04", "\x80\x05"];

const gzip: Kind = { begins: beginsWith("\x1f\x8b\x08") };
const zip: Kind = { begins: beginsWith("PK\x03\x04"), ends: endsAsZip };
const torch: Kind = {
  begins: beginsWith("PK\x03\x04", ...PROTOCOLS),
  ends: (tail, head) => (zip.begins(head) ? endsAsZip(tail) : undefined),
};
// Protocols 0 and 1 have no mark; theirs begin with a list, tuple or mapping. All end with STOP.
const pickle: Kind = {
  begins: beginsWith(...PROTOCOLS, "\x80\x01", "(", "}", "]"),
  ends: (tail) => tail.at(-1) === 0x2e,
};
const text: Kind = { begins: (head) => !head.includes(0) && head[0] !== 0x7b };

const kinds: Readonly<Record<string, Kind>> = {
  ".tgz": gzip,
  ".gz": gzip,
  ".pth": torch,
  ".pt": torch,
  ".zip": zip,
  ".pkl": pickle,
  ".pickle": pickle,
  ".tar": {
    begins: (head) => head.subarray(257, 262).toString("latin1") === "ustar",
    ends: (tail) => isZero(tail, 1024) || undefined,
  },
  ".npy": { begins: beginsWith("\x93NUMPY") },
  ".safetensors": { begins: (head) => head[8] === 0x7b && head[7] === 0 && head[6] === 0 },
  ".txt": text,
  ".csv": text,
};

/** Types that servers give to pages and messages. */
const PAGES = /^(text\/html|application\/xhtml\+xml|(application|text)\/(xml|json))\b/i;

/** What is known of a file that was received. */
export interface Received {
  /** Its address, for messages. */
  readonly url: string;
  /** Its name, whose extension says what it should be. */
  readonly name: string;
  readonly contentType?: string;
}

/** Whether a file of this name is packed by gzip already, so that a server may call it so. */
export function isGzip(name: string): boolean {
  return kinds[extname(name).toLowerCase()] === gzip;
}

/** @throws DownloadError WrongContent when the file is empty, a page, or does not begin or end as its kind does */
export function requireContent(file: string, { url, name, contentType = "" }: Received): void {
  const { head, tail } = edges(file);
  const extension = extname(name).toLowerCase();
  const kind = kinds[extension];
  const begins = JSON.stringify(head.subarray(0, 16).toString("latin1"));
  const refuse = (what: string) => new DownloadError("WrongContent", `${url}: ${what}; not kept`);
  if (head.length === 0) throw refuse("the server sent an empty file");
  const marked = kind !== undefined && kind !== text;
  if (!marked && (isPage(head) || PAGES.test(contentType)))
    throw refuse(
      `expected a file, got a page or a message of the server (${contentType || "no type"}), it begins with ${begins}`,
    );
  if (kind && !kind.begins(head)) throw refuse(`not a ${extension} file, it begins with ${begins}`);
  // Without it no reader opens the file, however many bytes the server promised.
  if (kind?.ends?.(tail, head) === false) throw refuse(`the ${extension} file is cut short, it has no end`);
}

/**
 * Whether the file's own content shows that it is whole; false where it does not, or cannot.
 * @param name whose extension says what it is
 */
export function hasOwnEnd(file: string, name: string): boolean {
  const { head, tail } = edges(file);
  return kinds[extname(name).toLowerCase()]?.ends?.(tail, head) ?? false;
}

function edges(file: string): { head: Buffer; tail: Buffer } {
  return withRegular(file, (fd, { size }) => {
    const read = (length: number, from: number) => {
      const bytes = Buffer.alloc(length);
      return bytes.subarray(0, readUpToSync(fd, bytes, file, from));
    };
    const length = Math.min(TAIL, size);
    return { head: read(Math.min(HEAD, size), 0), tail: read(length, size - length) };
  });
}

/** HTML or XML, in UTF-8 or UTF-16, after blanks. */
function isPage(head: Buffer): boolean {
  const wide = head[0] === 0xff && head[1] === 0xfe;
  const start = head.toString(wide ? "utf16le" : "utf8").replace(/^[\ufeff\s]+/, "");
  return /^<[!?a-z]/i.test(start);
}

/** The record at the end of a zip archive: found, and its comment reaches to the last byte. */
function endsAsZip(tail: Buffer): boolean {
  for (let at = tail.length - 22; at >= 0; at--)
    if (tail.readUInt32LE(at) === 0x06054b50 && at + 22 + tail.readUInt16LE(at + 20) === tail.length) return true;
  return false;
}

function isZero(tail: Buffer, length: number): boolean {
  return tail.length >= length && tail.subarray(-length).every((b) => b === 0);
}
