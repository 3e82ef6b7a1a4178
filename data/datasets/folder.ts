/** @file Image files in a folder, and names of a list matched with them. */
import { existsSync, readdirSync } from "node:fs";
import { basename, extname, isAbsolute, join, resolve } from "node:path";
import { MissingDataError } from "../../base/errors.js";
import { kindOfPath, readHead } from "../../base/regular-file.js";
import { sniffImage } from "../image/sniff.js";

const extensions = new Set([".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"]);

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
  return extensions.has(extension) || (extension === "" && sniffImage(readHead(path, 16)) !== null);
}

/**
 * Paths of names as ground-truth files write them: with or without extension, with or without a subfolder, relative to
 * one of `folders` or absolute. The rule that fits the first name is tried first for the others; a name that fits none
 * gets the path of the plain rule and is found missing when files are checked.
 */
export function resolveNames(names: readonly string[], folders: readonly string[]): string[] {
  const rules = folders.flatMap((folder) => namingRules(resolve(folder)));
  let last = rules[0];
  return names.map((name) => {
    if (isAbsolute(name)) return name;
    const liked = last(name);
    if (existsSync(liked)) return liked;
    const rule = rules.find((r) => existsSync(r(name)));
    if (!rule) return extname(name) === "" ? `${rules[0](name)}.jpg` : rules[0](name);
    last = rule;
    return rule(name);
  });
}

function namingRules(folder: string): ((name: string) => string)[] {
  const endings = ["", ...extensions, ".JPG", ".JPEG", ".PNG"];
  const whole = endings.map((end) => (name: string) => join(folder, name + end));
  const last = endings.map((end) => (name: string) => join(folder, basename(name) + end));
  return [...whole, ...last];
}
