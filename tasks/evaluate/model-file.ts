/** @file From `demo_eval.net_path` to a checkpoint on disk: a URL, a file, or a folder of an experiment. */
import { existsSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { MissingDataError } from "../../base/errors.js";
import { fileNameOf, isAddress } from "../../data/download/file-name.js";
import { modelHint } from "../model-hint.js";

/** Fetches a URL to `path` below `root`, unless a file is there; never leaves a half-written one under that name. */
export type Download = (url: string, path: string, root: string) => Promise<void>;

/**
 * URLs are kept in `<data folder>/models/`; a file that is there is not fetched again. Other paths are looked up in the
 * current folder, then among the experiments; a folder stands for its `epochs/model_best.pth`.
 * @throws MissingDataError that says where was looked, UsageError for an address without a usable name, and what the download
 *   throws
 */
export async function findModel(
  netPath: string,
  folders: { readonly data: string; readonly experiments: string },
  download: Download,
): Promise<string> {
  if (isAddress(netPath)) {
    const path = join("models", fileNameOf(netPath));
    await download(netPath, path, folders.data);
    return join(folders.data, path);
  }
  const places = isAbsolute(netPath) ? [netPath] : [resolve(netPath), resolve(folders.experiments, netPath)];
  const looked: string[] = [];
  for (const place of places) {
    for (const file of [place, join(place, "epochs", "model_best.pth")]) {
      if (existsSync(file) && statSync(file).isFile()) return file;
      looked.push(file);
    }
  }
  const looks = `model ${netPath}: not found; looked for ${looked.join(", ")}`;
  throw new MissingDataError(
    "ModelMissing",
    `${looks}${modelHint(netPath, [dirname(netPath), folders.experiments], folders.data)}`,
  );
}
