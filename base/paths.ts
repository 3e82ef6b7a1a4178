/** @file Where the package's own files are, from source or from dist. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let root: string | undefined;

/** Folder that holds package.json, shaders/ and configs/. */
export function packageRoot(): string {
  if (root) return root;
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!(existsSync(join(dir, "package.json")) && existsSync(join(dir, "shaders")))) {
    const up = dirname(dir);
    if (up === dir) throw new Error(`base: package root not found above ${fileURLToPath(import.meta.url)}`);
    dir = up;
  }
  root = dir;
  return dir;
}

/** Per-user cache folder (drivers, tuning): $FIRE_GPU_CACHE, else $XDG_CACHE_HOME/fire-gpu, else ~/.cache/fire-gpu. */
export function cacheFolder(): string {
  return process.env.FIRE_GPU_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "fire-gpu");
}
