/** @file From a page to a photo on the same disk. */
import { dirname, relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { systemPath } from "../../base/path-bytes.js";

/**
 * The address of `path` for a page at `page`: relative, so that page and photos can be moved together. Names that are no
 * UTF-8 keep their bytes.
 */
export function linkTo(page: string, path: string): string {
  const way = relative(dirname(resolve(page)), resolve(path));
  // Another drive has no way from here.
  if (resolve(way) === way) return pathToFileURL(path).href;
  return way.split(sep).map(percentEncoded).join("/");
}

function percentEncoded(name: string): string {
  const bytes = Buffer.from(systemPath(name));
  return [...bytes]
    .map((b) => (/[\w.~-]/.test(String.fromCharCode(b)) && b < 128 ? String.fromCharCode(b) : hex(b)))
    .join("");
}

function hex(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
