/** @file Where the package's own files are, from source or from dist. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MissingDataError } from "./errors.js";

const NAME = "fire-gpu";

let root: string | undefined;

/** Folder that holds package.json, shaders/ and configs/. */
export function packageRoot(): string {
  root ??= above(dirname(fileURLToPath(import.meta.url))) ?? installed();
  return root;
}

/** The package around this file, when it is run from where it was installed. */
function above(from: string): string | undefined {
  for (let dir = from; ; dir = dirname(dir)) {
    if (isOurs(dir)) return dir;
    if (dirname(dir) === dir) return undefined;
  }
}

/** The package as a bundle finds it: our code was copied into a file of the program, our other files were not. */
function installed(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${NAME}/package.json`));
  } catch (cause) {
    throw new MissingDataError(
      "PackageMissing",
      `${NAME}: its kernels and threads are files of the package, which is not found from ${fileURLToPath(import.meta.url)}; ` +
        `keep ${NAME} installed (node_modules) where a bundle of it runs`,
      { cause },
    );
  }
}

function isOurs(dir: string): boolean {
  const file = join(dir, "package.json");
  return existsSync(join(dir, "shaders")) && existsSync(file) && JSON.parse(readFileSync(file, "utf8")).name === NAME;
}

/** A compiled file of the package, for what is loaded by its path: threads. @param file for example "data/worker.js" */
export function compiledFile(file: string): string {
  return join(packageRoot(), "dist", file);
}
