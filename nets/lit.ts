/**
 * @file LIT, the Local-feature Integration Transformer of FIRe (Weinzaepfel et al., ICLR 2022, section 3): N learned
 * templates become super-features by T rounds of attention over the locations of a feature map (fire.md §1.2).
 *
 *   K, V = LN(X)·Wkᵀ, LN(X)·Wvᵀ
 *   T times:  S = LN(P)·Wqᵀ·Kᵀ;  A = softmax over templates + 1e-8;  P += (A / Σ_locations A)·V;  P += mlp(LN(P))
 *
 * S and A are kept template-major [N, L], so that both products have plain row-major left sides. Rows of a batch of images
 * of one size lie below one another: [n·L, …] and [n·N, …]. Only the two products of a round are an image's own. Maps of
 * several sizes, those of the scales of one photo, share the rest too: all their templates lie below one another.
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
import { concatRows } from "../engine/ops/select.js";
import type { Tensor } from "../engine/tensor.js";
import { Linear } from "./layers.js";
import type { WeightStore } from "./weight-store.js";

export interface LitParams {
  /** Iterations. */
  readonly T: number;
  /** Templates. */
  readonly N: number;
  /** Dimension of templates and super-features. Their tensors have it padded to four. */
  readonly dim: number;
}

const LAYER_NORM_EPSILON = 1e-5;
const ATTENTION_EPSILON = 1e-8;

/** Of n images, an image's rows together. */
export type LitResult = {
  /** Super-features [n·N, dim padded to 4]. */
  readonly superFeatures: Tensor;
  /** Attention of the last iteration [n·N, locations padded to 4], before the division by its sums over locations. */
  readonly attention: Tensor;
  /** The sums over locations [n·N]. */
  readonly attentionSums: Tensor;
};

/** The attention of a round over some maps: as in LitResult. */
type Attended = Pick<LitResult, "attention" | "attentionSums">;

/** What templates read of `images` feature maps of one size. */
export type LitMaps = {
  readonly images: number;
  /** Of each map. */
  readonly locations: number;
  /** Packed right operands, by image: [n, panels, D, 32] and [n, panels, L padded to 4, 32]. */
  readonly keys: Tensor;
  readonly values: Tensor;
};

type Norm = readonly [weight: { readonly tensor: Tensor }, bias: { readonly tensor: Tensor }, columns: number];

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
    if (![T, N, D - 1, inputDim].every((v) => Number.isInteger(v) && v >= 1))
      throw new UsageError(
        "BAD_LIT",
        `nets: lit — expected whole numbers, T, N and input of at least 1, dim of at least 2, got T ${T}, N ${N}, dim ${D}, input ${inputDim}`,
      );
    const hidden = Math.floor(D / 2);
    const norm = (name: string, size: number): Norm => [
      store.rows(`${name}.weight`, [size]),
      store.rows(`${name}.bias`, [size]),
      size,
    ];
    this.templates = store.rows("templates_init", [1, N, D]);
    this.query = new Linear(store, "project_q", [D, D], { bias: false });
    this.key = new Linear(store, "project_k", [D, inputDim], { bias: false });
    this.value = new Linear(store, "project_v", [D, inputDim], { bias: false });
    this.mlp = [
      new Linear(store, "mlp.0", [hidden, D], { bias: true }),
      new Linear(store, "mlp.2", [D, hidden], { bias: true }),
    ];
    this.norms = {
      inputs: norm("norm_inputs", inputDim),
      templates: norm("norm_templates", D),
      mlp: norm("norm_mlp", D),
    };
  }

  /** Feature maps of one size → super-features and the last attention. */
  forward(exec: Exec, maps: LitMaps): LitResult {
    const { superFeatures, attended } = this.rounds(exec, [maps]);
    return { superFeatures, ...attended[0] };
  }

  /** What the templates will read of n images of one size, from feature map rows [n·L, inputDim padded to 4]. */
  read(exec: Exec, locations: Tensor, images = 1): LitMaps {
    const L = locations.shape[0] / images;
    return { images, locations: L, ...this.keysAndValues(exec, locations, images) };
  }

  /** Super-features of all maps, those of one below those of another. For inference where there are several. */
  superFeatures(exec: Exec, maps: readonly LitMaps[]): Tensor {
    const { device } = exec;
    const { N, dim } = this.params;
    return device.scope(() => {
      if (device.canBindAt(4 * N * pad4(dim))) return this.rounds(exec, maps).superFeatures;
      // their templates cannot be bound apart
      return concatRows(
        device,
        maps.map((m) => this.rounds(exec, [m]).superFeatures),
      );
    });
  }

  /** The T rounds. */
  private rounds(exec: Exec, maps: readonly LitMaps[]): { superFeatures: Tensor; attended: readonly Attended[] } {
    const { device } = exec;
    const { T } = this.params;
    const images = maps.reduce((n, m) => n + m.images, 0);
    let superFeatures: Tensor | undefined;
    let attended: readonly Attended[] = [];
    for (let t = 0; t < T; t++) {
      let now: ReturnType<Lit["attendEach"]> = [];
      const next = device.scope(() => {
        const before = superFeatures ?? repeated(exec, this.templates.tensor, images);
        const queries = superFeatures ? this.queries(exec, before) : repeated(exec, this.firstQueries(exec), images);
        now = this.attendEach(exec, maps, queries, before);
        const P = concatRows(
          device,
          now.map((n) => n.updated),
        );
        const hidden = this.mlp[0].forward(exec, this.norm(exec, "mlp", P), { relu: true });
        const made = this.mlp[1].forward(exec, hidden, { residual: P });
        return [made, ...now.flatMap((n) => [n.attention, n.attentionSums])];
      });
      if (superFeatures) exec.release(superFeatures);
      for (const a of attended) for (const t of [a.attention, a.attentionSums]) exec.release(t);
      superFeatures = next[0];
      attended = now;
    }
    return { superFeatures: superFeatures!, attended };
  }

  /** Step 4.2 to 4.6 of fire.md §1.2 for each map, whose templates are rows of `queries` and of `before`. */
  private attendEach(
    exec: Exec,
    maps: readonly LitMaps[],
    queries: Tensor,
    before: Tensor,
  ): (Attended & { readonly updated: Tensor })[] {
    const { N, dim: D } = this.params;
    let first = 0;
    return maps.map(({ images, locations: L, keys, values }) => {
      const own = (rows: Tensor) => (maps.length === 1 ? rows : rows.rows(first, images * N));
      const logits = matmulEach(exec, own(queries), keys, pad4(L));
      const competition = { templates: N, locations: L, scale: D ** -0.5, epsilon: ATTENTION_EPSILON };
      const attention = exec.run(compete, [logits], competition);
      exec.release(logits);
      const attentionSums = exec.run(rowSum, [attention], { epsilon: 0 });
      // a template may get next to nothing of every location: halves would make that nothing
      const update = exec.device.exact(() => matmulEach(exec, attention, values, pad4(D)));
      const updated = exec.run(divideRows, [update, attentionSums, own(before)], {});
      exec.release(update);
      first += images * N;
      return { updated, attention, attentionSums };
    });
  }

  /** Attention maps [n·N, locations padded to 4] whose rows sum to one, as the paper shows them. */
  attentionMaps(exec: Exec, result: LitResult): Tensor {
    return exec.run(divideRows, [result.attention, result.attentionSums], {});
  }

  /** Bytes of the largest tensor for an image of so many locations. */
  largestBytes(locations: number): number {
    const { N } = this.params;
    const dim = pad4(this.params.dim);
    return 4 * Math.max(pad4(locations) * Math.max(N, dim), Math.ceil(locations / PANEL) * PANEL * dim, N * dim);
  }

  private keysAndValues(exec: Exec, locations: Tensor, images: number): Pick<LitMaps, "keys" | "values"> {
    const D = pad4(this.params.dim);
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
    const [weight, bias, columns] = this.norms[which];
    return exec.run(layerNorm, [rows, weight.tensor, bias.tensor], { epsilon: LAYER_NORM_EPSILON, columns });
  }
}

/** Rows for each of n images. */
function repeated(exec: Exec, rows: Tensor, images: number): Tensor {
  return images === 1 ? rows : exec.run(repeatRows, [rows], { times: images });
}
