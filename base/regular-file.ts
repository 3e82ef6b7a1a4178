/**
 * @file Opens what a user names as input: regular files only, and without ever waiting. Opening a FIFO for reading waits
 * for a writer, deaf to every signal, and a device may never end; both are refused by name. Paths may hold the escaped
 * bytes of base/path-bytes.ts.
 */
import { closeSync, constants, fstatSync, openSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { FileFormatError, MissingDataError } from "./errors.js";
import { readUpTo, readUpToSync } from "./file-io.js";
import { systemPath } from "./path-bytes.js";
import { isSystemError, reasonFor } from "./system-error.js";

/** O_NONBLOCK: a FIFO that replaces the file after it was looked at opens at once, and is refused then. Windows lacks both. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** What a text or a description may hold at most; V8's strings end near it. */
const MAX_TEXT_BYTES = 512 * 2 ** 20 - 32;

/** How a reader words its failure and what it takes. */
export interface InputOptions {
  /** Code of the MissingDataError; default MissingFile. */
  readonly code?: string;
  /** Added to its message: how to get the file. */
  readonly howToGet?: string;
  /** Bytes the file may have at most; default what a string holds. Only for readers of whole files. */
  readonly limit?: number;
}

/**
 * A descriptor of a regular file, to be closed by the caller, and its state.
 * @throws MissingDataError when it is not there or cannot be opened; FileFormatError MalformedFile when
 *   it is a folder, FIFO, socket or device
 */
export function openRegular(file: string, options: InputOptions = {}): { fd: number; stats: Stats } {
  const path = systemPath(file);
  let fd: number | undefined;
  try {
    // Looked at before it is opened, since to open a device may already do something.
    requireRegular(file, statSync(path));
    fd = openSync(path, FLAGS);
    const stats = fstatSync(fd);
    requireRegular(file, stats);
    return { fd, stats };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw asInputError(file, cause, options);
  }
}

/** The same without holding up the thread. */
export async function openRegularAsync(
  file: string,
  options: InputOptions = {},
): Promise<{ handle: FileHandle; stats: Stats }> {
  const path = systemPath(file);
  let handle: FileHandle | undefined;
  try {
    requireRegular(file, await stat(path));
    handle = await open(path, FLAGS);
    const stats = await handle.stat();
    requireRegular(file, stats);
    return { handle, stats };
  } catch (cause) {
    await handle?.close();
    throw asInputError(file, cause, options);
  }
}

/** Calls `use` with an open regular file and closes it. @throws as {@link openRegular} and as `use` */
export function withRegular<T>(file: string, use: (fd: number, stats: Stats) => T, options: InputOptions = {}): T {
  const { fd, stats } = openRegular(file, options);
  try {
    return use(fd, stats);
  } finally {
    closeSync(fd);
  }
}

/** The first `length` bytes, fewer when the file is shorter. @throws as {@link openRegular} */
export function readHead(file: string, length: number, options: InputOptions = {}): Buffer {
  return withRegular(file, (fd) => fill(fd, length, file), options);
}

/** The same without holding up the thread. */
export async function readHeadAsync(file: string, length: number, options: InputOptions = {}): Promise<Buffer> {
  const { handle } = await openRegularAsync(file, options);
  try {
    const out = Buffer.allocUnsafe(length);
    return out.subarray(0, await readUpTo(handle, out, file, 0));
  } finally {
    await handle.close();
  }
}

/** All bytes of a file that has at most `limit`. @throws as {@link openRegular}; FileFormatError MalformedFile beyond the limit */
export function readRegular(file: string, options: InputOptions = {}): Buffer {
  const read = (fd: number, { size }: Stats) => {
    requireSize(file, size, options);
    return fill(fd, size, file);
  };
  return withRegular(file, read, options);
}

/** The same without holding up the thread. */
export async function readRegularAsync(file: string, options: InputOptions = {}): Promise<Buffer> {
  const { handle, stats } = await openRegularAsync(file, options);
  try {
    requireSize(file, stats.size, options);
    const out = Buffer.allocUnsafe(stats.size);
    return out.subarray(0, await readUpTo(handle, out, file, 0));
  } catch (cause) {
    throw asInputError(file, cause, options);
  } finally {
    await handle.close();
  }
}

/** A text in UTF-8. @throws as {@link readRegular} */
export function readRegularText(file: string, options: InputOptions = {}): string {
  return readRegular(file, options).toString("utf8");
}

/** What a file is, links followed; undefined when nothing is there or a link leads nowhere or around in a circle. */
export function kindOfPath(path: string): "file" | "folder" | "other" | undefined {
  try {
    const stats = statSync(systemPath(path));
    if (stats.isFile()) return "file";
    return stats.isDirectory() ? "folder" : "other";
  } catch {
    return undefined;
  }
}

/** What is wrong with a path that is no regular file, in words: "a FIFO", "a folder", …; undefined for a regular file. */
export function oddKind(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isSocket()) return "a socket";
  return stats.isCharacterDevice() || stats.isBlockDevice() ? "a device" : "something else";
}

function requireRegular(file: string, stats: Stats): void {
  const odd = oddKind(stats);
  if (odd) throw new FileFormatError("MalformedFile", file, `expected a regular file, got ${odd}`);
}

function requireSize(file: string, size: number, { limit = MAX_TEXT_BYTES }: InputOptions): void {
  if (size > limit)
    throw new FileFormatError("MalformedFile", file, `expected at most ${limit} bytes, the file has ${size}`);
}

/** The first `length` bytes of a file, fewer when it ends before. */
function fill(fd: number, length: number, file: string): Buffer {
  const out = Buffer.allocUnsafe(length);
  return out.subarray(0, readUpToSync(fd, out, file, 0));
}

function asInputError(file: string, cause: unknown, options: InputOptions): unknown {
  if (!isSystemError(cause)) return cause;
  const line = `${file}: ${reasonFor(cause, "read")}${options.howToGet ?? ""}`;
  return new MissingDataError(options.code ?? "MissingFile", line, { cause });
}
