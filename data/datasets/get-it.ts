/** @file The command that fetches what is missing to where it was looked for. */
import { isAbsolute, relative, resolve, sep } from "node:path";
import { shellWord } from "../../base/shell.js";

/**
 * `; get it with: fire-gpu download roxford5k --data-folder how_data`, for the end of a message. Followed to the letter in
 * the same folder, it puts the data below `root`: the program's default would be another place.
 * @param root data root @param it "it" or "them"
 */
export function getIt(name: string, root: string, it = "it"): string {
  return `; get ${it} with: fire-gpu download ${name} --data-folder ${shellWord(fromHere(root))}`;
}

/** Below the current folder as a user would write it, else whole. */
function fromHere(path: string): string {
  const way = relative(".", path);
  if (way === "") return ".";
  if (isAbsolute(way) || way.split(sep)[0] === "..") return resolve(path);
  return way.startsWith("-") ? `.${sep}${way}` : way;
}
