/** @file Text that a user wrote: lists and tables of names. */
import { type InputOptions, readRegular } from "../../base/regular-file.js";
import { decodeText } from "../../formats/text.js";

/**
 * A text without its byte order mark, UTF-8 or UTF-16. Bytes that are no UTF-8 are kept apart (base/path-bytes.ts): they
 * may be names of files, and two labels in Latin-1 must not become one.
 * @param expected what is read, for messages
 * @throws as readRegular; FileFormatError for what is no text
 */
export function readNamesText(file: string, expected: string, options: InputOptions): string {
  return decodeText(readRegular(file, options), file, expected);
}
