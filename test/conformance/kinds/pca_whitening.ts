/** @file Whitening: PCA with shrinkage and its convolution, cirtorch's from pairs. Signs of components are fixed first. */
import { Covariance } from "../../../nets/whitening/covariance.js";
import { learnWhitening } from "../../../nets/whitening/learned.js";
import { applyWhitening, asConvolution, pcaWhitening, type Whitening } from "../../../nets/whitening/pca.js";
import type { Check, GoldenCase } from "../case.js";

export default async function run(golden: GoldenCase): Promise<Check[]> {
  return golden.has("X") ? cirtorch(golden) : how(golden);
}

function how(golden: GoldenCase): Check[] {
  const { dim, kept, shrinkage_exponent: shrinkage } = golden.json.params;
  const rows = golden.f32("descriptors");
  const found = signFixed(pcaWhitening(statistics(rows, dim), kept, shrinkage));
  const { weight, bias } = asConvolution(found);
  return [
    golden.compare("mean", found.mean, 1),
    golden.compare("P_sign_fixed", found.projection, 1),
    golden.compare("gram", gram(found), 1),
    golden.compare("conv_weight_sign_fixed", weight, 1),
    golden.compare("conv_bias_sign_fixed", bias, 1),
    golden.compare("applied_normalised", applyWhitening(found, rows), 1),
  ];
}

/** Columns in the case are rows here. */
function cirtorch(golden: GoldenCase): Check[] {
  const { shape, data } = golden.read("X");
  const [dim, n] = shape;
  const rows = Float32Array.from({ length: dim * n }, (_, i) => Number(data[(i % dim) * n + Math.floor(i / dim)]));
  const pairs = (name: string) => golden.read(name).data as Int32Array;
  const outputDim = golden.note("learned/P_sign_fixed").shape[0];
  const learned = signFixed(first(learnWhitening(rows, dim, pairs("qidxs"), pairs("pidxs")), outputDim));
  const pca = signFixed(pcaWhitening(statistics(rows, dim), outputDim));
  const applied = applyWhitening(learned, rows);
  const columns = Float64Array.from(applied, (_, i) => applied[(i % n) * outputDim + Math.floor(i / n)]);
  return [
    golden.compare("learned/mean", learned.mean, 1),
    golden.compare("learned/P_sign_fixed", learned.projection, 1),
    golden.compare("learned/applied", columns, 1),
    golden.compare("pca/mean", pca.mean, 1),
    golden.compare("pca/P_sign_fixed", pca.projection, 1),
  ];
}

function statistics(rows: Float32Array, dim: number): Covariance {
  const covariance = new Covariance(dim);
  covariance.add(rows);
  return covariance;
}

function first(w: Whitening, outputDim: number): Whitening {
  return { ...w, outputDim, projection: w.projection.slice(0, outputDim * w.dim) };
}

/** The entry of largest magnitude of each component becomes positive. */
function signFixed(w: Whitening): Whitening {
  const projection = w.projection.slice();
  for (let at = 0; at < projection.length; at += w.dim) {
    const row = projection.subarray(at, at + w.dim);
    const largest = row.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
    if (largest < 0) for (let i = 0; i < row.length; i++) row[i] = -row[i];
  }
  return { ...w, projection };
}

/** PᵀP of the kept components: free of their signs. */
function gram({ dim, outputDim, projection: p }: Whitening): Float64Array {
  const out = new Float64Array(dim * dim);
  for (let i = 0; i < outputDim; i++)
    for (let a = 0; a < dim; a++) for (let b = 0; b < dim; b++) out[a * dim + b] += p[i * dim + a] * p[i * dim + b];
  return out;
}
