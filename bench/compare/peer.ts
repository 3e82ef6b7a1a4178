/** @file What an engine must offer to be compared. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { packageRoot } from "../../base/paths.js";
import type { Work } from "./works.js";

/** Results of one run: activations NHWC, matrices row-major, searches as lists of indices. */
export type Output = Float32Array | Uint32Array | Int32Array;

/** Work made ready: weights are where the engine wants them. */
export interface Prepared {
  /** Input from host memory to output in host memory. */
  run(): Promise<Output>;
  /** Output of `run` in the common layout, where the engine has another one; not timed. */
  common?(output: Output): Output;
}

export type Peer = (work: Work) => Promise<Prepared>;

const folder = join(packageRoot(), "bench/peers");

/** Whether the peers' packages are installed. */
export function peersInstalled(): boolean {
  return existsSync(join(folder, "node_modules/.package-lock.json"));
}

/** A module of the peers' package. */
export async function peerModule<T>(name: string): Promise<T> {
  const path = createRequire(join(folder, "package.json")).resolve(name);
  return (await import(pathToFileURL(path).href)) as T;
}

/** A folder of the peers' package, with a slash at its end. */
export function peerFolder(path: string): string {
  return `${join(folder, "node_modules", path)}/`;
}

/** An engine was asked for work that it has no counterpart of. */
export function cannot(peer: string, work: Work): never {
  throw new Error(`bench: ${peer} does no ${work.kind}`);
}
