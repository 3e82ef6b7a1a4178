/**
 * @file Hooks of Node's module loader under which tfjs-core's own module files load: they are written for bundlers, leave
 * endings out and do not say that they are modules. No bundle of that package holds the gradient rules.
 */
import { existsSync } from "node:fs";
import type { LoadHook, ResolveHook } from "node:module";
import { fileURLToPath } from "node:url";

const HOME = "/@tensorflow/tfjs-core/dist/";

/** `./ops/add` → `./ops/add.js`, `./ops` → `./ops/index.js`. */
export const resolve: ResolveHook = (specifier, context, next) => {
  const { parentURL } = context;
  if (!parentURL?.includes(HOME) || !specifier.startsWith(".")) return next(specifier, context);
  const file = new URL(`${specifier}.js`, parentURL);
  return next(existsSync(fileURLToPath(file)) ? file.href : new URL(`${specifier}/index.js`, parentURL).href, context);
};

/** The bundles beside them are CommonJS. */
export const load: LoadHook = (url, context, next) =>
  next(url, url.includes(HOME) && !url.includes("tf-core.") ? { ...context, format: "module" } : context);
