/** @file What an answer's headers say: whether its body continues the part, and how long body and file are. */
import { DownloadError } from "./errors.js";
import { shownAddress } from "./file-name.js";
import { type Answer, HttpError } from "./http.js";
import { type PartNote, sameVersion } from "./part-file.js";
import { expectedPart, readLength } from "./ranges.js";

/** What the server sent cannot be the rest of the part: it is thrown away, and the next attempt begins anew. */
export class OtherContent extends Error {}

/** Where the body of an answer goes, and how long it and the file are. */
export interface Place {
  readonly begin: number;
  /** Bytes of this body; null where the server does not say. */
  readonly length: number | null;
  /** Bytes of the file. */
  readonly total: number | null;
}

/**
 * @param asked byte that was asked for; null for the whole file
 * @returns "whole" when the server says that the part is all there is
 * @throws OtherContent when the answer is no continuation of the part
 */
export function placeOf(
  url: string,
  { status, message }: Answer,
  asked: number | null,
  note: PartNote | null,
): Place | "whole" {
  const { headers } = message;
  if (status === 200) {
    const length = readLength(headers["content-length"]);
    return { begin: 0, length, total: length };
  }
  const range = expectedPart(headers["content-range"], asked ?? 0);
  if (asked === null || note === null) {
    // Some servers call the whole file a part of itself.
    if (status === 206 && range.kind === "rest") return { begin: 0, length: range.length, total: range.total };
    throw new HttpError(status, url, `the server answered ${status} although the whole file was asked for`);
  }
  const sameLength = range.kind !== "other" && (note.total === null || note.total === range.total);
  if (!sameLength || !sameVersion(note, headers)) throw new OtherContent("the file changed on the server meanwhile");
  if (status === 416) {
    if (range.kind === "end") return "whole";
    throw new OtherContent("the server has no such part of the file");
  }
  if (range.kind === "end") throw new OtherContent("the server sent another part of the file than was asked for");
  return { begin: asked, length: range.length, total: range.total };
}

/** @throws DownloadError when the body is not the bytes of the file themselves */
export function requirePlain(url: string, { message }: Answer, name: string): void {
  const encoding = (message.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const transfer = (message.headers["transfer-encoding"] ?? "chunked").trim().toLowerCase();
  // A .tgz is often called gzip-encoded by servers that send it as it is.
  const asItIs = /^(identity|)$/.test(encoding) || (/^(x-)?gzip$/.test(encoding) && isGzipName(url, name));
  if (asItIs && transfer === "chunked") return;
  throw new DownloadError(
    "WrongContent",
    `${shownAddress(url)}: the server compresses the file on the way (${asItIs ? transfer : encoding}) although it was asked not to; use another address`,
  );
}

function isGzipName(url: string, name: string): boolean {
  return [name, new URL(url).pathname].some((n) => /\.(tgz|gz)$/i.test(n));
}
