/** @file Image files in a folder. */
import { readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { MissingDataError } from "../../base/errors.js";
import { kindOfPath, readHead } from "../../base/regular-file.js";
import { sniffImage } from "../image/sniff.js";
import { imageExtensions } from "./photo-names.js";

/** Whether the path is a folder, or a link to one. */
export function isFolder(path: string): boolean {
  return kindOfPath(path) === "folder";
}

/**
 * Names of all images below a folder, relative to it with "/", sorted by code unit (the same order on every machine).
 * Files count by extension, and those without one by content. Hidden files and folders are passed over.
 * @throws MissingDataError when the folder is not there or holds no image.
 */
export function listImages(folder: string): string[] {
  if (!isFolder(folder)) throw new MissingDataError("ImagesMissing", `${folder}: no such folder of images`);
  const names: string[] = [];
  const walk = (below: string) => {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const name = below ? `${below}/${entry.name}` : entry.name;
      if (entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(folder, name)))) walk(name);
      else if (isImageName(join(folder, name))) names.push(name);
    }
  };
  walk("");
  if (names.length === 0) throw new MissingDataError("ImagesMissing", `${folder}: no images in this folder`);
  return names.sort((a, b) => (a < b ? -1 : 1));
}

function isImageName(path: string): boolean {
  if (kindOfPath(path) !== "file") return false;
  const extension = extname(path).toLowerCase();
  return imageExtensions.has(extension) || (extension === "" && sniffImage(readHead(path, 16)) !== null);
}
