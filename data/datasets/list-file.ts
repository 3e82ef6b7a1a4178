/** @file Text files with one image name a line. */
import { FileFormatError } from "../../base/errors.js";
import { decodeName } from "../../base/path-bytes.js";
import { readRegular } from "../../base/regular-file.js";

/**
 * Names that are no UTF-8 keep their bytes (base/path-bytes.ts). The lines without their ends (LF or CRLF) and without empty ones, in file order.
 * @throws MissingDataError when the file is not there, FileFormatError when it holds no name or is no text.
 */
export function readListFile(file: string, howToGet = ""): string[] {
  const text = decodeName(readRegular(file, { code: "ListMissing", howToGet }));
  if (text.includes("\0"))
    throw new FileFormatError("MalformedFile", file, "expected a text file with one name a line");
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  if (lines.length === 0) throw new FileFormatError("MalformedFile", file, "expected image names, the list is empty");
  return lines;
}

/** One sentence when names repeat, else nothing. */
export function duplicateWarning(names: readonly string[], where: string): string[] {
  const seen = new Set<string>();
  const twice = names.filter((n) => seen.size === seen.add(n).size);
  if (twice.length === 0) return [];
  return [`${where}: ${twice.length} of ${names.length} names are there more than once, the first is ${twice[0]}`];
}
