/** @file What a model that is not there was meant to be: a file of nearly that name, or a network that can be downloaded. */
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { MissingDataError } from "../base/errors.js";
import { didYouMean } from "../base/suggest.js";
import { networks } from "../data/download/networks.js";

/**
 * `; did you mean …?` or `; fire-gpu download … fetches it`, else "".
 * @param folders where files of nearly that name may lie @param data data root, where downloads are
 */
export function modelHint(path: string, folders: readonly string[], data: string): string {
  const name = basename(path).replace(/\.(pth|safetensors)$/, "");
  const [asset] = Object.hasOwn(networks, name) ? networks[name].assets : [];
  if (asset?.kind === "file") {
    const file = join(data, asset.path);
    return existsSync(file) ? `; did you mean ${file}?` : `; fire-gpu download ${name} fetches it to ${file}`;
  }
  const hint = didYouMean(basename(path), folders.flatMap(namesIn));
  return hint && `; ${hint}`;
}

/** @throws MissingDataError with what may have been meant, unless the file is there */
export function requireModel(path: string): void {
  if (existsSync(path)) return;
  throw new MissingDataError("ModelMissing", `${path}: no such model${modelHint(path, [dirname(path)], "fire_data")}`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
