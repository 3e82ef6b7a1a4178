/**
 * @file The only file that imports Dawn. Three facts of the binding rule it (github.com/dawn-gpu/node-webgpu):
 * the object that create() returns must stay referenced for ever (a collected one crashes the process); promises are
 * pumped by a setImmediate loop that would burn a core; errors nobody handles are printed on stdout.
 */
import { create, globals } from "webgpu";
import { dropRelativeFolders } from "../base/cache-folder.js";
import { askForWideVectors } from "./mesa.js";

const kept: GPU[] = [];
Object.assign(globalThis, globals);

/** A WebGPU instance. `flags` are Dawn's, for example `enable-dawn-features=allow_unsafe_apis`. */
export function createInstance(flags: readonly string[]): GPU {
  dropRelativeFolders();
  askForWideVectors();
  const gpu = create([...flags]) as GPU;
  kept.push(gpu);
  return gpu;
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
const LONGEST_SLEEP_MS = 1;

/**
 * Waits for a Dawn promise without burning a core: between two turns of the event loop the thread sleeps, 0.02 ms at
 * first and up to 1 ms, so short work is not delayed and long work costs a few per cent of a core.
 */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const mark = () => {
    done = true;
  };
  promise.then(mark, mark);
  let ms = 0.02;
  await new Promise((next) => setImmediate(next));
  while (!done) {
    Atomics.wait(sleeper, 0, 0, ms);
    await new Promise((next) => setImmediate(next));
    ms = Math.min(LONGEST_SLEEP_MS, ms * 1.25);
  }
  return promise;
}
