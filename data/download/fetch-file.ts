/**
 * @file One file from the first address that has it: resumed after interruptions, checked, and only then given its name.
 * Every loop here ends: attempts that bring nothing worth while are counted, waits are bounded, and no server can make the
 * file longer than it said, or than the disk has room for.
 */
import { createReadStream, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { WriteError } from "../../base/errors.js";
import { makeFolder } from "../../base/folders.js";
import { sha256Stream } from "../../base/hash.js";
import { asWriteError, isSystemError } from "../../base/system-error.js";
import { OtherContent, type Place, placeOf, requirePlain } from "./answer.js";
import { hasOwnEnd, requireContent } from "./content.js";
import { DownloadError } from "./errors.js";
import { shownAddress } from "./file-name.js";
import { requireSpace } from "./free-space.js";
import { type Answer, HttpError, named, openUrl } from "./http.js";
import { PartFile, validatorOf } from "./part-file.js";
import { receive } from "./receive.js";

export interface FetchOptions {
  /** SHA-256 of the whole file in hex, or the beginning of it. */
  sha256?: string;
  /** What the file is called, where the extension of `target` does not tell its kind. */
  name?: string;
  /** Bytes that are on disk and bytes there will be, null while unknown. */
  onProgress?: (done: number, total: number | null) => void;
  /** Bytes of the finished file that have been read to check it. */
  onCheck?: (done: number, total: number) => void;
  /** One line of news: what is waited for. */
  onNote?: (line: string) => void;
  signal?: AbortSignal;
  /** Attempts in a row that bring less than 1 MiB before an address is given up. Default 4. */
  attempts?: number;
  /** Pause before the second attempt; doubles each time. Default 1000. */
  pauseMs?: number;
  /** As of {@link openUrl}; a server that sends less than 16 KiB in such a time is given up as well. */
  idleMs?: number;
  /** Bytes a body may have whose length the server does not tell. Default 16 GiB, and never more than the disk has room for. */
  longestUntold?: number;
}

/** Where a file may be. */
export interface Source {
  readonly url: string;
  /** An address that may not exist: given up at once, unless it answers. */
  readonly guessed?: boolean;
}

/** What was received. */
export interface Fetched {
  /** The address that gave it. */
  readonly url: string;
  readonly sha256: string;
  readonly size: number;
  /** Whether all of it came encrypted. */
  readonly secure: boolean;
  /** Why the addresses before did not. */
  readonly reasons: readonly string[];
}

/** An attempt that brings so much is not counted as failed. */
const WORTH_WHILE = 2 ** 20;
/** A server that asks to wait longer is not waited for. */
const LONGEST_WAIT_MS = 5 * 60_000;
/** How long an address that may not exist is waited for. */
const GUESS_MS = 15_000;

/**
 * Downloads into `target`, whose folder is made. A file that is there already is left alone: the caller decides whether
 * it is good. Resuming needs a server that knows ranges and names the version of the file (ETag, Last-Modified); one that
 * does not sends the file from the start.
 * @param sources addresses of the same file, tried in order
 * @throws DownloadError DownloadFailed (no address worked; the part is kept), ChecksumMismatch or WrongContent (removed);
 *   WriteError when the disk refuses; the signal's reason, with the part kept.
 */
export async function fetchFile(
  sources: readonly (string | Source)[],
  target: string,
  options: FetchOptions = {},
): Promise<Fetched> {
  makeFolder(dirname(target));
  const part = new PartFile(target);
  const reasons: string[] = [];
  for (const given of sources) {
    const source = typeof given === "string" ? { url: given } : given;
    const { url } = source;
    try {
      const { secure, contentType } = await fetchFrom(source, part, options);
      const sha256 = await accept(url, part, contentType, options);
      const { size } = part;
      part.finish();
      return { url, sha256, size, secure, reasons };
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (cause instanceof WriteError) throw cause;
      if (isSystemError(cause) && cause.path !== undefined) throw asWriteError(part.path, cause);
      const reason = cause instanceof Error ? cause.message : String(cause);
      const shown = shownAddress(url);
      reasons.push(reason.startsWith(shown) ? reason : `${shown}: ${reason}`);
      if (sources.length === 1 && cause instanceof DownloadError) throw cause;
    }
  }
  throw new DownloadError(
    "DownloadFailed",
    `${target}: not downloaded — ${reasons.join("; ")}; run the same command again, name a mirror, or put the file there yourself`,
  );
}

interface Session {
  /** Whether all bytes so far came encrypted. */
  secure: boolean;
  /** Whether the server has sent any of the file. */
  answered: boolean;
  contentType?: string;
}

/** Repeats until the file is whole; attempts that bring little are counted. */
async function fetchFrom({ url, guessed }: Source, part: PartFile, options: FetchOptions): Promise<Session> {
  const { attempts = 4, pauseMs = 1000, idleMs = 60_000, signal, onNote } = options;
  const session: Session = { secure: new URL(url).protocol === "https:", answered: false };
  let failures = 0;
  // Bytes that were fetched again from the start are no gain.
  let most = part.size;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const patience = guessed && !session.answered ? Math.min(idleMs, GUESS_MS) : idleMs;
      if (await fetchOnce(url, part, session, { ...options, idleMs: patience })) return session;
      throw new Error("the connection ended before the file did");
    } catch (error) {
      signal?.throwIfAborted();
      const cause = named(url, error);
      if (cause instanceof OtherContent || cause instanceof DownloadError) part.discard();
      if (cause instanceof WriteError || cause instanceof DownloadError) throw cause;
      if (cause instanceof HttpError && !cause.temporary) throw cause;
      failures = part.size >= most + WORTH_WHILE ? 1 : failures + 1;
      most = Math.max(most, part.size);
      if (failures >= attempts || (guessed && !session.answered)) throw cause;
      const asked = cause instanceof HttpError ? cause.waitMs : 0;
      if (asked > LONGEST_WAIT_MS)
        throw new Error(`${(cause as Error).message}, and asks to wait ${Math.ceil(asked / 60_000)} minutes`);
      if (asked > 10_000) onNote?.(`${shownAddress(url)}: the server asks to wait ${Math.ceil(asked / 1000)} s`);
      await sleep(Math.max(asked, pauseMs * 2 ** (failures - 1)), undefined, { signal });
    }
  }
}

/** One request. @returns whether the part is now the whole file. */
async function fetchOnce(url: string, part: PartFile, session: Session, options: FetchOptions): Promise<boolean> {
  const kept = shownAddress(url);
  const known = part.note();
  // A part of another address may be of another version: it is not continued.
  const note = known?.url === kept ? known : null;
  const have = part.size;
  if (note?.total != null && have === note.total) return true;
  const validator = note && have > 0 ? validatorOf(note) : undefined;
  const range = validator === undefined ? undefined : { from: have, validator };
  const answer = await openUrl(url, { range, signal: options.signal, idleMs: options.idleMs });
  try {
    session.answered = true;
    session.secure &&= answer.secure;
    session.contentType = answer.message.headers["content-type"];
    requirePlain(url, answer, options.name ?? basename(part.target));
    const place = placeOf(url, answer, range ? have : null, note);
    if (place === "whole") return true;
    if (place.total !== null) requireSpace(part.path, place.total - place.begin);
    const { etag = null, "last-modified": lastModified = null } = answer.message.headers;
    const fresh = { url: kept, etag, lastModified, total: place.total };
    // What a 206 leaves out is as it was in the answer before it.
    await receive(answer, part, place, place.begin > 0 && note ? { ...note, total: place.total } : fresh, options);
    return isWhole(url, answer, part, place, options);
  } finally {
    answer.message.destroy();
  }
}

/** Whether the body that ended was all of the file. @throws DownloadError where nobody can tell */
function isWhole(url: string, { message }: Answer, part: PartFile, place: Place, options: FetchOptions): boolean {
  if (place.total !== null) return part.size === place.total;
  // The last chunk says so itself; without it the body would have failed.
  if (message.headers["transfer-encoding"] !== undefined) return true;
  // The connection was closed, which may be the end of the file or of the server.
  if (options.sha256?.length === 64 || hasOwnEnd(part.path, options.name ?? basename(part.target))) return true;
  throw new DownloadError(
    "WrongContent",
    `${shownAddress(url)}: the server says neither how long the file is nor where it ends, so a cut one could not be told; use another address`,
  );
}

/** @returns the SHA-256. @throws DownloadError, with the part removed, when the bytes are not the file's. */
async function accept(
  url: string,
  part: PartFile,
  contentType: string | undefined,
  { sha256, name, signal, onCheck }: FetchOptions,
): Promise<string> {
  const shown = shownAddress(url);
  try {
    requireContent(part.path, { url: shown, name: name ?? basename(part.target), contentType });
    const got = await sha256Of(part.path, signal, onCheck);
    if (sha256 && !got.startsWith(sha256.toLowerCase()))
      throw new DownloadError("ChecksumMismatch", `${shown}: expected SHA-256 ${sha256}…, got ${got}`);
    return got;
  } catch (e) {
    if (e instanceof DownloadError) part.discard();
    throw e;
  }
}

/** SHA-256 of a file, hex. */
export async function sha256Of(
  path: string,
  signal?: AbortSignal,
  onCheck?: (done: number, total: number) => void,
): Promise<string> {
  const stream = createReadStream(path, { highWaterMark: 1 << 20, signal });
  const total = onCheck ? statSync(path).size : 0;
  return await sha256Stream(counted(stream, (done) => onCheck?.(done, total)));
}

async function* counted(stream: AsyncIterable<Uint8Array>, told: (done: number) => void): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of stream) {
    done += chunk.length;
    told(done);
    yield chunk;
  }
}
