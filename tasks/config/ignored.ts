/** @file Keys that the original programs know, and that have no effect here: who sets one is told. */
import type { Progress } from "../progress.js";

/**
 * Tells in one line of `index.gpu_id` of ASMK, unless it has the value of the published files.
 * @param path of the `asmk` section
 */
export function tellIgnored(
  progress: Pick<Progress, "warn">,
  { index }: { readonly index: { readonly gpu_id: number | null } },
  path: string,
): void {
  if (index.gpu_id === 0) return;
  progress.warn(
    `${path}.index.gpu_id: ${index.gpu_id} has no effect, ASMK computes where the network does; --device chooses the device`,
  );
}
