/**
 * @file All bytes or an error. A system call may write or read less than it was asked to (a nearly full disk, a quota, a
 * network drive, more than 2 GiB) and call that a success; here it is repeated until all is done, and what cannot be
 * done is thrown with the name of the file.
 */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { FileFormatError, WriteError } from "./errors.js";
import { asReadError, asWriteError } from "./system-error.js";

/** One call moves at most 2 GiB. */
const PIECE = 2 ** 30;

/**
 * Writes all bytes.
 * @param file for messages
 * @param position where in the file; null: where the descriptor is (its end, when opened for appending)
 * @throws WriteError CannotWrite
 */
export function writeAllSync(fd: number, bytes: Uint8Array, file: string, position: number | null = null): void {
  for (let done = 0; done < bytes.length; ) {
    const n = attempt(
      () => writeSync(fd, bytes, done, Math.min(bytes.length - done, PIECE), at(position, done)),
      (cause) => asWriteError(file, cause),
    );
    if (n === 0) throw noProgress(file, done, bytes.length);
    done += n;
  }
}

/** The same without holding up the thread. @throws WriteError CannotWrite */
export async function writeAll(
  handle: FileHandle,
  bytes: Uint8Array,
  file: string,
  position: number | null = null,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle
      .write(bytes, done, Math.min(bytes.length - done, PIECE), at(position, done))
      .catch((cause: unknown) => Promise.reject(asWriteError(file, cause)));
    if (bytesWritten === 0) throw noProgress(file, done, bytes.length);
    done += bytesWritten;
  }
}

/** Opens a file to write in it; the caller closes it. @param flags as of `fs.open` @throws WriteError CannotWrite */
export async function openToWrite(file: string, flags: "w" | "r+" | "wx"): Promise<FileHandle> {
  return open(file, flags).catch((cause: unknown) => Promise.reject(asWriteError(file, cause)));
}

/** Waits until all that was written is on the disk, which may find only now that it is full. @throws WriteError CannotWrite */
export async function flush(handle: FileHandle, file: string): Promise<void> {
  await handle.sync().catch((cause: unknown) => Promise.reject(asWriteError(file, cause)));
}

/** To append without waiting for the reader of a FIFO. Windows lacks O_NONBLOCK. */
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | (constants.O_NONBLOCK ?? 0);

/** Adds text to the end of a file, which is made when it is not there. @throws WriteError CannotWrite */
export function appendText(file: string, text: string): void {
  const fd = attempt(
    () => openSync(file, APPEND, 0o666),
    (cause) => asWriteError(file, cause),
  );
  try {
    writeAllSync(fd, Buffer.from(text), file);
  } finally {
    closeSync(fd);
  }
}

/**
 * Fills `into` with the bytes from `position` on.
 * @param file for messages
 * @throws FileFormatError Truncated when the file ends before; MissingDataError when the system cannot read it
 */
export function readAllSync(fd: number, into: Uint8Array, file: string, position: number): void {
  const n = readUpToSync(fd, into, file, position);
  if (n < into.length) throw cut(file, position + into.length, position + n);
}

/** The same without holding up the thread. @throws as {@link readAllSync} */
export async function readAll(handle: FileHandle, into: Uint8Array, file: string, position: number): Promise<void> {
  const n = await readUpTo(handle, into, file, position);
  if (n < into.length) throw cut(file, position + into.length, position + n);
}

/** As {@link readAllSync}, of a file that may end before. @returns how many bytes were there */
export function readUpToSync(fd: number, into: Uint8Array, file: string, position: number): number {
  for (let done = 0; done < into.length; ) {
    const n = attempt(
      () => readSync(fd, into, done, Math.min(into.length - done, PIECE), position + done),
      (cause) => asReadError(file, cause),
    );
    if (n === 0) return done;
    done += n;
  }
  return into.length;
}

/** The same without holding up the thread. */
export async function readUpTo(handle: FileHandle, into: Uint8Array, file: string, position: number): Promise<number> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle
      .read(into, done, Math.min(into.length - done, PIECE), position + done)
      .catch((cause: unknown) => Promise.reject(asReadError(file, cause)));
    if (bytesRead === 0) return done;
    done += bytesRead;
  }
  return into.length;
}

/** Where a file ends although more was to come. */
export function cut(file: string, needed: number, size: number): FileFormatError {
  return new FileFormatError("Truncated", file, `expected at least ${needed} bytes, got ${size}`);
}

function at(position: number | null, done: number): number | null {
  return position === null ? null : position + done;
}

function attempt<T>(work: () => T, named: (cause: unknown) => unknown): T {
  try {
    return work();
  } catch (cause) {
    throw named(cause);
  }
}

function noProgress(file: string, done: number, length: number): WriteError {
  return new WriteError(
    "CannotWrite",
    `${file}: cannot be written: the system takes ${done} of ${length} bytes and no more; make space or choose another place`,
  );
}
