/** @file Codebook training: the objective that the reference's k-means reaches, and its centroids. */
import { type Assigner, CpuAssigner } from "../../../asmk/assigner.js";
import { GpuBackend } from "../../../asmk/gpu/backend.js";
import { kmeans } from "../../../asmk/kmeans.js";
import { squaredNorms } from "../../../asmk/nearest.js";
import { MemoryVectors } from "../../../asmk/vectors.js";
import { type Check, checkThat, compareClose, type GoldenCase } from "../case.js";
import { sharedDevice } from "../networks.js";

export default async function run(golden: GoldenCase): Promise<Check[]> {
  const gpu = new GpuBackend(await sharedDevice());
  const checks = await train(golden, new CpuAssigner());
  for (const check of await train(golden, gpu.assigner())) checks.push({ ...check, tensor: `${check.tensor} (gpu)` });
  gpu.destroy();
  return checks;
}

async function train(golden: GoldenCase, assigner: Assigner): Promise<Check[]> {
  const points = golden.read("points");
  const dim = points.shape[1];
  const { words, iterations, accept_if_at_most: limit, objective_default_seed: reference } = golden.json.expected;
  const source = new MemoryVectors(points.data as Float32Array, dim);
  const { centroids } = await kmeans(source, words, assigner, { iterations });
  const objective = await objectiveOf(source, centroids);
  const text = (n: number) => n.toFixed(6);
  const checks = [
    checkThat("objective", objective <= limit, `at most ${text(limit)}, got ${text(objective)}`),
    checkThat(
      "objective of the default seed",
      Math.abs(objective / reference - 1) <= 1e-5,
      `the reference's ${text(reference)} to 1e-5, got ${text(objective)}`,
    ),
  ];
  // The recipe is deterministic up to last-bit ties in assignments, so the reference's centroids are reached as well.
  if (golden.has("faiss_centroids"))
    checks.push(compareClose("faiss_centroids", centroids, golden.f32("faiss_centroids"), { rel_max: 1e-5 }));
  return checks;
}

async function objectiveOf(source: MemoryVectors, centroids: Float32Array): Promise<number> {
  const assigner = new CpuAssigner();
  assigner.setCentroids(centroids, source.dim);
  if (squaredNorms(centroids, source.dim).some((n) => !Number.isFinite(n))) return Number.NaN;
  return assigner.assign(source.data).distances.reduce((sum, d) => sum + d, 0);
}
