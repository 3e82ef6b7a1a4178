/** @file Text files with one image name a line. */
import { FileFormatError } from "../../base/errors.js";
import { readNamesText } from "./text-file.js";

/** Names of a list in file order, and what a reader should know of the lines that are not among them. */
export interface ImageList {
  readonly names: string[];
  readonly warnings: string[];
  readonly notes: string[];
}

/**
 * Lines end by LF, CRLF or CR; empty ones are no names. A line that begins with `#` is a comment, and blanks around a
 * name are no part of it, unless `isThere` says that a photo is called exactly so. Names that are no UTF-8 keep their
 * bytes (base/path-bytes.ts).
 * @param howToGet ends the message when the file is not there
 * @throws MissingDataError when the file is not there, FileFormatError when it holds no name or is no text
 */
export function readListFile(file: string, howToGet = "", isThere: (name: string) => boolean = () => false): ImageList {
  const text = readNamesText(file, "a text file with one name a line", { code: "ListMissing", howToGet });
  const names: string[] = [];
  const comments: number[] = [];
  const trimmed: number[] = [];
  for (const [i, line] of text.split(/\r\n|\n|\r/).entries()) {
    const name = line.trim();
    if (name === "") continue;
    const odd = name !== line || name.startsWith("#");
    if (odd && isThere(line)) names.push(line);
    else if (name.startsWith("#")) comments.push(i + 1);
    else {
      if (name !== line) trimmed.push(i + 1);
      names.push(name);
    }
  }
  const lines = (which: number[]) =>
    `${which.length === 1 ? "one line" : `${which.length} lines`} (the first is ${which[0]})`;
  const notes = comments.length ? [`${file}: ${lines(comments)} beginning with # passed over as comments`] : [];
  const warnings = trimmed.length
    ? [`${file}: ${lines(trimmed)} with blanks before or after the name; taken without them`]
    : [];
  if (names.length === 0) {
    const said = comments.length ? "every line is empty or a comment" : "the list is empty";
    throw new FileFormatError("MalformedFile", file, `expected image names, ${said}`);
  }
  return { names, warnings, notes };
}

/**
 * One sentence when photos repeat, else nothing.
 * @param paths where the names lead: two names of one photo are the same photo
 */
export function duplicateWarning(names: readonly string[], where: string, paths: readonly string[] = names): string[] {
  const seen = new Set<string>();
  const twice = names.filter((_, i) => seen.size === seen.add(paths[i]).size);
  if (twice.length === 0) return [];
  return [`${where}: ${twice.length} of ${names.length} names are there more than once, the first is ${twice[0]}`];
}
