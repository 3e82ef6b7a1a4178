/** @file LIT in float64 as the paper writes it, in plain loops: the judge where no golden case has the sizes. */

export interface LitSizes {
  readonly T: number;
  readonly N: number;
  readonly dim: number;
  readonly inputDim: number;
}

/** Rows of numbers. */
type Matrix = readonly (readonly number[])[];

/** Names and shapes of the parameters. */
export function litShapes({ N, dim: D, inputDim: C }: LitSizes): Record<string, number[]> {
  const H = Math.floor(D / 2);
  return {
    templates_init: [1, N, D],
    "project_q.weight": [D, D],
    "project_k.weight": [D, C],
    "project_v.weight": [D, C],
    "norm_inputs.weight": [C],
    "norm_inputs.bias": [C],
    "norm_templates.weight": [D],
    "norm_templates.bias": [D],
    "norm_mlp.weight": [D],
    "norm_mlp.bias": [D],
    "mlp.0.weight": [H, D],
    "mlp.0.bias": [H],
    "mlp.2.weight": [D, H],
    "mlp.2.bias": [D],
  };
}

/** Super-features [N, dim] and attention maps [N, L] (rows sum to one) of one image's locations [L, inputDim]. */
export function litTwin(
  weights: Readonly<Record<string, ArrayLike<number>>>,
  sizes: LitSizes,
  locations: Matrix,
): { superFeatures: number[][]; attention: number[][] } {
  const { T, N, dim: D, inputDim: C } = sizes;
  const H = Math.floor(D / 2);
  const matrix = (name: string, columns: number): Matrix =>
    Array.from({ length: weights[name].length / columns }, (_, r) =>
      Array.from({ length: columns }, (_, c) => weights[name][r * columns + c]),
    );
  const norm = (rows: Matrix, name: string) =>
    rows.map((row) => {
      const mean = sum(row) / row.length;
      const scale = 1 / Math.sqrt(sum(row.map((v) => (v - mean) ** 2)) / row.length + 1e-5);
      return row.map((v, c) => (v - mean) * scale * weights[`${name}.weight`][c] + weights[`${name}.bias`][c]);
    });
  const x = norm(locations, "norm_inputs");
  const keys = timesTransposed(x, matrix("project_k.weight", C));
  const values = timesTransposed(x, matrix("project_v.weight", C));
  let P: number[][] = matrix("templates_init", D).map((row) => [...row]);
  let attention: number[][] = [];
  for (let t = 0; t < T; t++) {
    const queries = timesTransposed(norm(P, "norm_templates"), matrix("project_q.weight", D));
    const logits = timesTransposed(queries, keys).map((row) => row.map((v) => v * D ** -0.5));
    const shares = logits.map((row) =>
      row.map((v, l) => 1 / sum(logits.map((other) => Math.exp(other[l] - v))) + 1e-8),
    );
    attention = shares.map((row) => row.map((v) => v / sum(row)));
    P = P.map((row, n) => row.map((v, d) => v + sum(attention[n].map((a, l) => a * values[l][d]))));
    const hidden = timesTransposed(norm(P, "norm_mlp"), matrix("mlp.0.weight", D)).map((row) =>
      row.map((v, h) => Math.max(0, v + weights["mlp.0.bias"][h])),
    );
    const update = timesTransposed(hidden, matrix("mlp.2.weight", H));
    P = P.map((row, n) => row.map((v, d) => v + update[n][d] + weights["mlp.2.bias"][d]));
  }
  if (P.length !== N) throw new Error(`lit twin: expected ${N} templates, got ${P.length}`);
  return { superFeatures: P, attention };
}

const sum = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0);

/** A·Bᵀ. */
const timesTransposed = (a: Matrix, b: Matrix): number[][] =>
  a.map((row) => b.map((other) => sum(row.map((v, i) => v * other[i]))));
