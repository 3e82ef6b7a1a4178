/** @file Text that a user wrote: lists and tables of names. */
import { FileFormatError } from "../../base/errors.js";
import { decodeName } from "../../base/path-bytes.js";
import { type InputOptions, readRegular } from "../../base/regular-file.js";

/**
 * A text without its byte order mark. Bytes that are no UTF-8 are kept apart (base/path-bytes.ts): they may be names of
 * files, and two labels in Latin-1 must not become one.
 * @param expected what is read, for messages
 * @throws as readRegular; FileFormatError for UTF-16 and for what is no text
 */
export function readNamesText(file: string, expected: string, options: InputOptions): string {
  const bytes = readRegular(file, options);
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    throw new FileFormatError("MalformedFile", file, `expected ${expected} in UTF-8, got UTF-16; save it as UTF-8`);
  if (bytes.includes(0)) throw new FileFormatError("MalformedFile", file, `expected ${expected}, the file is no text`);
  return decodeName(bytes).replace(/^\uFEFF/, "");
}
