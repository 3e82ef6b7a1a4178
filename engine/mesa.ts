/**
 * @file What Mesa's software driver is told before it starts. It computes eight lanes at a time; a processor with AVX-512 has
 * sixteen, for which the driver must be asked, and its products are 1.4 times as fast then. It reads the environment once, when
 * the Vulkan loader brings it in; a width that the process was given in LP_NATIVE_VECTOR_WIDTH is kept. Its cache of compiled
 * shaders does not know the width, so code of another width than its own choice, 256, has a folder of its own.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { absoluteFolder, executableCache } from "../base/cache-folder.js";

/** What LLVM uses for vectors of sixteen. */
const NEEDED = ["avx512f", "avx512bw", "avx512dq", "avx512vl"];

let asked = false;

/** To be called before the first instance is made. */
export function askForWideVectors(): void {
  if (asked || process.platform !== "linux" || process.arch !== "x64") return;
  asked = true;
  Object.assign(process.env, settingsFor(process.env, processorFlags(), executableCache()));
}

/** Whether code of sixteen lanes runs here. */
export function hasWideVectors(flags: ReadonlySet<string> = processorFlags()): boolean {
  return NEEDED.every((flag) => flags.has(flag));
}

/** What to add to an environment. @param caches folder of this package's caches */
export function settingsFor(
  env: Readonly<Record<string, string | undefined>>,
  flags: ReadonlySet<string>,
  caches: string,
): Record<string, string> {
  const width = env.LP_NATIVE_VECTOR_WIDTH || (hasWideVectors(flags) ? "512" : "");
  if (!width || width === "256") return {};
  const folder = `mesa-${width}`;
  const given = absoluteFolder(env.MESA_SHADER_CACHE_DIR);
  return {
    LP_NATIVE_VECTOR_WIDTH: width,
    // a process that one of ours started has its folder already
    MESA_SHADER_CACHE_DIR: given?.endsWith(folder) ? given : join(given ?? caches, folder),
  };
}

/** Of the first processor; none where the system does not say. */
function processorFlags(): Set<string> {
  try {
    return new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1].trim().split(/\s+/));
  } catch {
    return new Set();
  }
}
