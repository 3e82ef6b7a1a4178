/** @file Which handler runs which kind of case; loaded on demand. */
import type { CaseHandler } from "./case.js";

export const kinds: Record<string, () => Promise<CaseHandler>> = {
  dataset_pickles: async () => (await import("./kinds/dataset_pickles.js")).default,
  image_preprocess: async () => (await import("./kinds/image_preprocess.js")).default,
  checkpoint_formats: async () => (await import("./kinds/checkpoint_formats.js")).default,
  weight_generator: async () => (await import("./kinds/weight_generator.js")).default,
  asmk: async () => (await import("./kinds/asmk.js")).default,
  asmk_hamming: async () => (await import("./kinds/asmk_hamming.js")).default,
  asmk_kmeans: async () => (await import("./kinds/asmk_kmeans.js")).default,
  evaluation: async () => (await import("./kinds/evaluation.js")).default,
  resnet_backbone: async () => (await import("./kinds/resnet_backbone.js")).default,
  resnet_block: async () => (await import("./kinds/resnet_block.js")).default,
  lit_module: async () => (await import("./kinds/lit_module.js")).default,
  fire_net: async () => (await import("./kinds/fire_net.js")).default,
  how_net: async () => (await import("./kinds/how_net.js")).default,
  e2e: async () => (await import("./kinds/e2e.js")).default,
  fire_losses: async () => (await import("./kinds/fire_losses.js")).default,
  pca_whitening: async () => (await import("./kinds/pca_whitening.js")).default,
  hard_negatives: async () => (await import("./kinds/hard_negatives.js")).default,
  fire_train_step: async () => (await import("./kinds/fire_train_step.js")).default,
  gem_variants: async () => (await import("./kinds/gem_variants.js")).default,
  trunk_features: async () => (await import("./kinds/trunk_features.js")).default,
  trunk_block: async () => (await import("./kinds/trunk_block.js")).default,
  inverted_residual: async () => (await import("./kinds/inverted_residual.js")).default,
  how_train_step: async () => (await import("./kinds/how_train_step.js")).default,
};
