/**
 * @file LIT, the Local-feature Integration Transformer of FIRe (Weinzaepfel et al., ICLR 2022, section 3): N learned
 * templates become super-features by T rounds of attention over the locations of a feature map (fire.md §1.2).
 *
 *   K, V = LN(X)·Wkᵀ, LN(X)·Wvᵀ
 *   T times:  S = LN(P)·Wqᵀ·Kᵀ;  A = softmax over templates + 1e-8;  P += (A / Σ_locations A)·V;  P += mlp(LN(P))
 *
 * S and A are kept template-major [N, L], so that both products have plain row-major left sides. Rows of a batch of images
 * of one size lie below one another: [n·L, …] and [n·N, …]. Only the two products of a round are an image's own.
 */
import { UsageError } from "../base/errors.js";
import type { Exec } from "../engine/exec.js";
import { pad4 } from "../engine/op.js";
import { matmulEach } from "../engine/ops/batched-matmul.js";
import { compete } from "../engine/ops/compete.js";
import { divideRows } from "../engine/ops/divide-rows.js";
import { layerNorm } from "../engine/ops/layer-norm.js";
import { PANEL, packPanels, rightMatrix, rightTransposed } from "../engine/ops/pack.js";
import { repeatRows } from "../engine/ops/repeat-rows.js";
import { rowSum } from "../engine/ops/row-reduce.js";
import type { Tensor } from "../engine/tensor.js";
import { Linear } from "./layers.js";
import type { WeightStore } from "./weight-store.js";

export interface LitParams {
  /** Iterations. */
  readonly T: number;
  /** Templates. */
  readonly N: number;
  /** Dimension of templates and super-features, a multiple of 8. */
  readonly dim: number;
}

const LAYER_NORM = { epsilon: 1e-5 };
const ATTENTION_EPSILON = 1e-8;

/** Of n images, an image's rows together. */
export type LitResult = {
  /** Super-features [n·N, dim]. */
  readonly superFeatures: Tensor;
  /** Attention of the last iteration [n·N, locations padded to 4], before the division by its sums over locations. */
  readonly attention: Tensor;
  /** The sums over locations [n·N]. */
  readonly attentionSums: Tensor;
};

type Norm = readonly [weight: { readonly tensor: Tensor }, bias: { readonly tensor: Tensor }];

export class Lit {
  private readonly templates: { readonly tensor: Tensor };
  private readonly query: Linear;
  private readonly key: Linear;
  private readonly value: Linear;
  private readonly mlp: readonly [Linear, Linear];
  private readonly norms: Readonly<Record<"inputs" | "templates" | "mlp", Norm>>;

  constructor(
    store: WeightStore,
    private readonly params: LitParams,
    inputDim: number,
  ) {
    const { T, N, dim: D } = params;
    if (!(T >= 1 && N >= 1 && D % 8 === 0 && inputDim % 4 === 0))
      throw new UsageError(
        "BAD_LIT",
        `nets: lit — expected T and N of at least 1, dim a multiple of 8, input a multiple of 4, got T ${T}, N ${N}, dim ${D}, input ${inputDim}`,
      );
    const norm = (name: string, size: number): Norm => [
      store.tensor(`${name}.weight`, [size]),
      store.tensor(`${name}.bias`, [size]),
    ];
    this.templates = store.tensor("templates_init", [1, N, D], [N, D]);
    this.query = new Linear(store, "project_q", [D, D], { bias: false });
    this.key = new Linear(store, "project_k", [D, inputDim], { bias: false });
    this.value = new Linear(store, "project_v", [D, inputDim], { bias: false });
    this.mlp = [
      new Linear(store, "mlp.0", [D / 2, D], { bias: true }),
      new Linear(store, "mlp.2", [D, D / 2], { bias: true }),
    ];
    this.norms = {
      inputs: norm("norm_inputs", inputDim),
      templates: norm("norm_templates", D),
      mlp: norm("norm_mlp", D),
    };
  }

  /** Feature map rows [n·L, inputDim] of n images → super-features and the last attention. */
  forward(exec: Exec, locations: Tensor, images = 1): LitResult {
    const { device } = exec;
    const { T, N, dim: D } = this.params;
    const L = locations.shape[0] / images;
    return device.scope(() => {
      const { keys, values } = this.keysAndValues(exec, locations, images);
      let result: LitResult | undefined;
      for (let t = 0; t < T; t++) {
        const next: LitResult = device.scope(() => {
          const before: Tensor = result?.superFeatures ?? repeated(exec, this.templates.tensor, images);
          const queries = result ? this.queries(exec, before) : repeated(exec, this.firstQueries(exec), images);
          const logits = matmulEach(exec, queries, keys, pad4(L));
          const competition = { templates: N, locations: L, scale: D ** -0.5, epsilon: ATTENTION_EPSILON };
          const attention = exec.run(compete, [logits], competition);
          exec.release(logits);
          const attentionSums = exec.run(rowSum, [attention], { epsilon: 0 });
          // a template may get next to nothing of every location: halves would make that nothing
          const update = device.exact(() => matmulEach(exec, attention, values, D));
          const P = exec.run(divideRows, [update, attentionSums, before], {});
          const hidden = this.mlp[0].forward(exec, this.norm(exec, "mlp", P), { relu: true });
          const superFeatures = this.mlp[1].forward(exec, hidden, { residual: P });
          return { superFeatures, attention, attentionSums };
        });
        if (result) for (const t of Object.values(result) as Tensor[]) exec.release(t);
        result = next;
      }
      return result!;
    });
  }

  /** Attention maps [n·N, locations padded to 4] whose rows sum to one, as the paper shows them. */
  attentionMaps(exec: Exec, result: LitResult): Tensor {
    return exec.run(divideRows, [result.attention, result.attentionSums], {});
  }

  /** Bytes of the largest tensor for an image of so many locations. */
  largestBytes(locations: number): number {
    const { N, dim } = this.params;
    return 4 * Math.max(pad4(locations) * Math.max(N, dim), Math.ceil(locations / PANEL) * PANEL * dim, N * dim);
  }

  /** Right operands of both products, by image: keys [n, panels, D, 32], values [n, panels, L padded to 4, 32]. */
  private keysAndValues(exec: Exec, locations: Tensor, images: number): { keys: Tensor; values: Tensor } {
    const D = this.params.dim;
    const L = locations.shape[0] / images;
    return exec.device.scope(() => {
      const x = this.norm(exec, "inputs", locations);
      const k = this.key.forward(exec, x);
      const keys = exec.run(packPanels, [k], { ...rightTransposed(L, D), batches: images });
      exec.release(k);
      const values = exec.run(packPanels, [this.value.forward(exec, x)], { ...rightMatrix(L, D), batches: images });
      return { keys, values };
    });
  }

  private queries(exec: Exec, templates: Tensor): Tensor {
    return this.query.forward(exec, this.norm(exec, "templates", templates));
  }

  /** Those of the learned templates [N, D], the same for every image. */
  private firstQueries(exec: Exec): Tensor {
    const { tensor } = this.templates;
    return exec.ofWeights(tensor, `queries/${exec.device.precision}`, () => this.queries(exec, tensor));
  }

  private norm(exec: Exec, which: keyof typeof this.norms, rows: Tensor): Tensor {
    const [weight, bias] = this.norms[which];
    return exec.run(layerNorm, [rows, weight.tensor, bias.tensor], LAYER_NORM);
  }
}

/** Rows for each of n images. */
function repeated(exec: Exec, rows: Tensor, images: number): Tensor {
  return images === 1 ? rows : exec.run(repeatRows, [rows], { times: images });
}
