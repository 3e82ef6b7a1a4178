/**
 * @file LIT, the Local-feature Integration Transformer of FIRe (Weinzaepfel et al., ICLR 2022, section 3): N learned
 * templates become super-features by T rounds of attention over the locations of a feature map (fire.md §1.2).
 *
 *   K, V = LN(X)·Wkᵀ, LN(X)·Wvᵀ
 *   T times:  S = LN(P)·Wqᵀ·Kᵀ;  A = softmax over templates + 1e-8;  P += (A / Σ_locations A)·V;  P += mlp(LN(P))
 *
 * S and A are kept template-major [N, L], so that both products have plain row-major left sides.
 */
import { UsageError } from "../base/errors.js";
import type { Device } from "../engine/device.js";
import { pad4, run } from "../engine/op.js";
import { compete } from "../engine/ops/compete.js";
import { matmul } from "../engine/ops/conv2d.js";
import { divideRows } from "../engine/ops/divide-rows.js";
import { layerNorm } from "../engine/ops/layer-norm.js";
import { packPanels, rightMatrix, rightTransposed } from "../engine/ops/pack.js";
import { rowSum } from "../engine/ops/row-reduce.js";
import type { Tensor } from "../engine/tensor.js";
import { Linear } from "./layers.js";
import type { State } from "./state.js";

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

export type LitResult = {
  /** Super-features [N, dim]. */
  readonly superFeatures: Tensor;
  /** Attention of the last iteration [N, locations padded to 4], before the division by its sums over locations. */
  readonly attention: Tensor;
  /** The sums over locations [N]. */
  readonly attentionSums: Tensor;
};

export class Lit {
  private readonly templates: Tensor;
  private readonly query: Linear;
  private readonly key: Linear;
  private readonly value: Linear;
  private readonly mlp: [Linear, Linear];
  private readonly norms: Record<"inputs" | "templates" | "mlp", [weight: Tensor, bias: Tensor]>;

  constructor(
    private readonly device: Device,
    state: State,
    private readonly params: LitParams,
    inputDim: number,
  ) {
    const { T, N, dim: D } = params;
    if (!(T >= 1 && N >= 1 && D % 8 === 0 && inputDim % 4 === 0))
      throw new UsageError(
        "BAD_LIT",
        `nets: lit — expected T and N of at least 1, dim a multiple of 8, input a multiple of 4, got T ${T}, N ${N}, dim ${D}, input ${inputDim}`,
      );
    const linear = (name: string, out: number, input: number, bias = false) =>
      new Linear(
        device,
        state.get(`${name}.weight`, [out, input]),
        bias ? state.get(`${name}.bias`, [out]) : undefined,
        out,
        input,
      );
    const norm = (name: string, size: number): [Tensor, Tensor] => [
      device.upload(state.get(`${name}.weight`, [size]), [size], name),
      device.upload(state.get(`${name}.bias`, [size]), [size], name),
    ];
    this.templates = device.upload(state.get("templates_init", [1, N, D]), [N, D], "templates");
    this.query = linear("project_q", D, D);
    this.key = linear("project_k", D, inputDim);
    this.value = linear("project_v", D, inputDim);
    this.mlp = [linear("mlp.0", D / 2, D, true), linear("mlp.2", D, D / 2, true)];
    this.norms = {
      inputs: norm("norm_inputs", inputDim),
      templates: norm("norm_templates", D),
      mlp: norm("norm_mlp", D),
    };
  }

  /** Feature map rows [L, inputDim] → super-features and the last attention. */
  forward(locations: Tensor): LitResult {
    const { device } = this;
    const { T, dim: D } = this.params;
    const L = locations.shape[0];
    const L4 = pad4(L);
    return device.scope(() => {
      const { keys, values } = device.scope(() => {
        const x = run(device, layerNorm, [locations, ...this.norms.inputs], LAYER_NORM);
        const k = this.key.forward(x);
        const keys = run(device, packPanels, [k], rightTransposed(L, D));
        k.free();
        const values = run(device, packPanels, [this.value.forward(x)], rightMatrix(L, D));
        return { keys, values };
      });
      const project = (P: Tensor) =>
        this.query.forward(run(device, layerNorm, [P, ...this.norms.templates], LAYER_NORM));
      let result: LitResult | undefined;
      for (let t = 0; t < T; t++) {
        const before: Tensor = result?.superFeatures ?? this.templates;
        const next: LitResult = device.scope(() => {
          const logits = matmul(device, project(before), keys, L4);
          const attention = run(device, compete, [logits], {
            locations: L,
            scale: D ** -0.5,
            epsilon: ATTENTION_EPSILON,
          });
          logits.free();
          const attentionSums = run(device, rowSum, [attention], { epsilon: 0 });
          const update = matmul(device, attention, values, D);
          const P = run(device, divideRows, [update, attentionSums, before], {});
          const normed = run(device, layerNorm, [P, ...this.norms.mlp], LAYER_NORM);
          const superFeatures = this.mlp[1].forward(this.mlp[0].forward(normed, { relu: true }), { residual: P });
          return { superFeatures, attention, attentionSums };
        });
        if (result) for (const t of Object.values(result) as Tensor[]) t.free();
        result = next;
      }
      return result!;
    });
  }

  /** Attention maps [N, locations padded to 4] whose rows sum to one, as the paper shows them. */
  attentionMaps(result: LitResult): Tensor {
    return run(this.device, divideRows, [result.attention, result.attentionSums], {});
  }

  free(): void {
    this.templates.free();
    for (const l of [this.query, this.key, this.value, ...this.mlp]) l.free();
    for (const t of Object.values(this.norms).flat()) t.free();
  }
}
