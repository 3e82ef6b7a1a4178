/** @file Bytes that are read piece by piece: a file of any size, or a part of one. */
import { cut, readAllSync } from "../base/file-io.js";
import { withRegular } from "../base/regular-file.js";
import { ownBuffer } from "./dtypes.js";

/** Random access to the bytes of a file. */
export interface ByteSource {
  /** For messages. */
  readonly file: string;
  readonly size: number;
  /** A fresh buffer with exactly these bytes. @throws FileFormatError Truncated when they are not there. */
  read(begin: number, length: number): Uint8Array;
}

/** A file on disk; opened for each read, so there is nothing to close. @throws MissingDataError when it cannot be opened. */
export function fileSource(file: string): ByteSource {
  const size = withRegular(file, (_, stats) => stats.size);
  const read = (begin: number, length: number) => {
    if (begin + length > size) throw cut(file, begin + length, size);
    return withRegular(file, (fd) => {
      const out = new Uint8Array(length);
      readAllSync(fd, out, file, begin);
      return out;
    });
  };
  return { file, size, read };
}

/** Bytes in memory under a file's name. */
export function memorySource(bytes: Uint8Array, file: string): ByteSource {
  const read = (begin: number, length: number) => {
    if (begin + length > bytes.length) throw cut(file, begin + length, bytes.length);
    // not slice(): a Buffer's shares its memory
    return new Uint8Array(ownBuffer(bytes.subarray(begin, begin + length)));
  };
  return { file, size: bytes.length, read };
}

/** All bytes of a file, also beyond the 2 GiB at which fs.readFile gives up. */
export function readFileBytes(file: string): Uint8Array {
  const source = fileSource(file);
  return source.read(0, source.size);
}
