/** @file The body of an answer into the part: no longer than it was said, than the disk has room for, and not for ever. */
import { open } from "node:fs/promises";
import { writeAll } from "../../base/file-io.js";
import { asWriteError } from "../../base/system-error.js";
import { OtherContent, type Place } from "./answer.js";
import { DownloadError } from "./errors.js";
import type { FetchOptions } from "./fetch-file.js";
import { freeBytes } from "./free-space.js";
import type { Answer } from "./http.js";
import type { PartFile, PartNote } from "./part-file.js";

/** A body whose length the server does not tell. */
const LONGEST_UNTOLD = 16 * 2 ** 30;
/** In the time after which silence is given up, a server must send this much. */
const SLOWEST_BYTES = 16 * 1024;

/** Writes the body to its place in the part, with the note before it. */
export async function receive(
  { message }: Answer,
  part: PartFile,
  { begin, length, total }: Place,
  note: PartNote,
  { onProgress, idleMs = 60_000, longestUntold = LONGEST_UNTOLD }: FetchOptions,
): Promise<void> {
  const most = length ?? Math.min(longestUntold, freeBytes(part.path));
  if (begin === 0) part.discard();
  const file = await open(part.path, begin === 0 ? "wx" : "r+").catch((cause: unknown) =>
    Promise.reject(asWriteError(part.path, cause)),
  );
  try {
    part.writeNote(note);
    let at = begin;
    let window = { since: Date.now(), bytes: 0 };
    onProgress?.(at, total);
    for await (const chunk of message as AsyncIterable<Uint8Array>) {
      if (at + chunk.length - begin > most)
        throw length === null
          ? new DownloadError(
              "WrongContent",
              `${note.url}: the server does not say how long the file is, and sends without end`,
            )
          : new OtherContent("the server sends more than it said");
      await writeAll(file, chunk, part.path, at);
      at += chunk.length;
      onProgress?.(at, total);
      window.bytes += chunk.length;
      const ms = Date.now() - window.since;
      if (ms < idleMs) continue;
      if (window.bytes < SLOWEST_BYTES && at !== total)
        throw new Error(`only ${window.bytes} bytes received in ${Math.round(ms / 1000)} s`);
      window = { since: Date.now(), bytes: 0 };
    }
    await file.sync().catch((cause: unknown) => Promise.reject(asWriteError(part.path, cause)));
  } finally {
    await file.close();
  }
}
