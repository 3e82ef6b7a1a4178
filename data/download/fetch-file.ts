/**
 * @file One file from the first address that has it: resumed after interruptions, checked, and only then given its name.
 * While it is on its way, `<file>.part` holds the bytes and `<file>.part.json` what they are the beginning of.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { writeFileAtomic } from "../../base/atomic.js";
import { FireGpuError, WriteError } from "../../base/errors.js";
import { flush, openToWrite, writeAll } from "../../base/file-io.js";
import { besides } from "../../base/file-names.js";
import { makeFolder } from "../../base/folders.js";
import { asWriteError, isSystemError } from "../../base/system-error.js";
import { HttpError, openUrl } from "./http.js";

export interface FetchOptions {
  /** SHA-256 of the whole file in hex, or the beginning of it. */
  sha256?: string;
  /** Looks at the finished file before it gets its name; throws to refuse it. */
  inspect?: (path: string) => void;
  /** Bytes that are on disk and bytes there will be, null while unknown. */
  onProgress?: (done: number, total: number | null) => void;
  signal?: AbortSignal;
  /** Attempts in a row without a new byte before an address is given up. Default 4. */
  attempts?: number;
  /** Pause before the second attempt; doubles each time. Default 1000. */
  pauseMs?: number;
  idleMs?: number;
}

/** No address gave the file, or what it gave is not the file. The message has one reason an address. */
export class DownloadError extends FireGpuError {
  override readonly exitCode = 4;
}

/** What a .part file is the beginning of. */
interface PartNote {
  readonly url: string;
  /** Strong ETag or Last-Modified: lets the server say whether the file changed. */
  readonly validator: string | null;
  readonly total: number | null;
}

/**
 * Downloads into `target`, whose folder is made. A file that is there already is left alone: the caller decides whether
 * it is good. Resuming needs a server that knows ranges; one that does not sends the file from the start.
 * @param urls addresses of the same file, tried in order
 * @throws DownloadError DownloadFailed (no address worked; the part is kept), ChecksumMismatch or WrongContent (removed);
 *   the signal's reason, with the part kept.
 */
export async function fetchFile(urls: readonly string[], target: string, options: FetchOptions = {}): Promise<void> {
  makeFolder(dirname(target));
  const part = besides(target, ".part");
  const reasons: string[] = [];
  for (const url of urls) {
    try {
      await fetchFrom(url, part, options);
      await accept(url, part, options);
      await rename(part, target);
      rmSync(noteOf(part), { force: true });
      return;
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (isDiskError(cause)) throw asWriteError(target, cause);
      const reason = cause instanceof Error ? cause.message : String(cause);
      reasons.push(reason.startsWith(url) ? reason : `${url}: ${reason}`);
      if (url === urls[urls.length - 1] && cause instanceof DownloadError && reasons.length === 1) throw cause;
    }
  }
  throw new DownloadError("DownloadFailed", `${target}: not downloaded — ${reasons.join("; ")}`);
}

/** Repeats until the file is whole; attempts that bring nothing new are counted. */
async function fetchFrom(url: string, part: string, options: FetchOptions): Promise<void> {
  const { attempts = 4, pauseMs = 1000, signal } = options;
  let failures = 0;
  for (;;) {
    signal?.throwIfAborted();
    const before = sizeOf(part);
    try {
      if (await fetchOnce(url, part, options)) return;
      throw new Error("the connection ended before the file did");
    } catch (cause) {
      signal?.throwIfAborted();
      if (isDiskError(cause) || (cause instanceof HttpError && !cause.temporary)) throw cause;
      failures = sizeOf(part) > before ? 1 : failures + 1;
      if (failures >= attempts) throw cause;
      await sleep(pauseMs * 2 ** (failures - 1), undefined, { signal });
    }
  }
}

/** One request. @returns whether the part is now the whole file. */
async function fetchOnce(url: string, part: string, options: FetchOptions): Promise<boolean> {
  const note = readNote(part);
  const have = note ? sizeOf(part) : 0;
  if (note && note.url === url && note.total !== null && have === note.total) return true;
  // A validator of another mirror means nothing here; then only the total length tells whether it is the same file.
  const validator = note?.url === url ? note.validator : null;
  const range = have > 0 ? { from: have, validator } : undefined;
  const { signal, idleMs, onProgress } = options;
  const message = await openUrl(url, { range, signal, idleMs });

  let begin = 0;
  let total: number | null;
  if (message.statusCode === 200) {
    total = wholeNumber(message.headers["content-length"]);
  } else {
    const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(message.headers["content-range"] ?? "");
    total = match ? Number(match[2]) : null;
    begin = match?.[1] === undefined ? -1 : Number(match[1]);
    const same = total !== null && (note?.total === null || note?.total === total);
    if (message.statusCode === 416 && same && have === total) {
      message.destroy();
      return true;
    }
    if (!same || begin !== have) {
      // Another file than the one begun, or an answer to another question: from the start, which cannot fail like this.
      message.destroy();
      discard(part);
      return fetchOnce(url, part, options);
    }
  }
  const fresh: PartNote = { url, validator: validatorOf(message.headers), total };
  const file = await openToWrite(part, begin === 0 ? "w" : "r+");
  try {
    writeFileAtomic(noteOf(part), JSON.stringify(fresh));
    let at = begin;
    onProgress?.(at, total);
    for await (const chunk of message as AsyncIterable<Uint8Array>) {
      await writeAll(file, chunk, part, at);
      at += chunk.length;
      onProgress?.(at, total);
    }
    await flush(file, part);
    return total === null || at === total;
  } finally {
    message.destroy();
    await file.close();
  }
}

/** @throws DownloadError, with the part removed, when the bytes are not the file's. */
async function accept(url: string, part: string, { sha256, inspect, signal }: FetchOptions): Promise<void> {
  try {
    if (sha256) {
      const got = await sha256Of(part, signal);
      if (!got.startsWith(sha256.toLowerCase()))
        throw new DownloadError("ChecksumMismatch", `${url}: expected SHA-256 ${sha256}…, got ${got}`);
    }
    inspect?.(part);
  } catch (e) {
    if (e instanceof DownloadError) discard(part);
    throw e;
  }
}

/** SHA-256 of a file, hex. */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal }))
    hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

function validatorOf(headers: { etag?: string; "last-modified"?: string }): string | null {
  if (headers.etag && !headers.etag.startsWith("W/")) return headers.etag;
  return headers["last-modified"] ?? null;
}

function readNote(part: string): PartNote | null {
  if (!existsSync(part)) return null;
  try {
    const note = JSON.parse(readFileSync(noteOf(part), "utf8"));
    return typeof note.url === "string" ? note : null;
  } catch {
    return null;
  }
}

function noteOf(part: string): string {
  return besides(part, ".json");
}

function discard(part: string): void {
  rmSync(part, { force: true });
  rmSync(noteOf(part), { force: true });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** A full disk or a folder without permission is not the server's fault: no other address helps. */
function isDiskError(e: unknown): boolean {
  if (e instanceof WriteError) return true;
  return isSystemError(e) && ["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "EISDIR"].includes(e.code ?? "");
}
