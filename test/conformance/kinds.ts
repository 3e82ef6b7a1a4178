/** @file Which handler runs which kind of case; loaded on demand. */
import type { CaseHandler } from "./case.js";

export const kinds: Record<string, () => Promise<CaseHandler>> = {
  dataset_pickles: async () => (await import("./kinds/dataset_pickles.js")).default,
  image_preprocess: async () => (await import("./kinds/image_preprocess.js")).default,
  weight_generator: async () => (await import("./kinds/weight_generator.js")).default,
  asmk: async () => (await import("./kinds/asmk.js")).default,
  asmk_hamming: async () => (await import("./kinds/asmk_hamming.js")).default,
  asmk_kmeans: async () => (await import("./kinds/asmk_kmeans.js")).default,
  evaluation: async () => (await import("./kinds/evaluation.js")).default,
};
