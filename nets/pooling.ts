/**
 * @file From a feature map [N, H, W, D] to one descriptor an image: MAC, SPoC, GeM, R-MAC and regional pooling
 * (cirtorch.md §3). D is a multiple of 4, as in every architecture there is. No pooling but Rpool ends with L2N.
 */
import { UsageError } from "../base/errors.js";
import type { Exec } from "../engine/exec.js";
import type { Op } from "../engine/op.js";
import { gem } from "../engine/ops/gem.js";
import { l2Normalise } from "../engine/ops/l2-normalise.js";
import { mac, regionSum, spoc } from "../engine/ops/region-pool.js";
import type { Region, RegionAttrs } from "../engine/ops/regions.js";
import type { Tensor } from "../engine/tensor.js";
import { Linear } from "./layers.js";
import { regionGrid } from "./region-grid.js";
import type { WeightStore } from "./weight-store.js";

const EPSILON = 1e-6;
const LEVELS = 3;

/** Maps [N, H, W, D] → descriptors [N, D]. */
export interface Pooling {
  forward(exec: Exec, map: Tensor): Tensor;
}

/** A pooling that can be applied to rectangles too: → rows [N·regions, D], image by image. */
export interface RegionalPooling extends Pooling {
  forward(exec: Exec, map: Tensor, regions?: readonly Region[]): Tensor;
}

/** L2N: rows / (‖row‖ + 1e-6). */
export function l2n(exec: Exec, rows: Tensor): Tensor {
  return exec.run(l2Normalise, [rows], { epsilon: EPSILON });
}

class PlainPooling implements RegionalPooling {
  constructor(private readonly op: Op<RegionAttrs>) {}

  forward(exec: Exec, map: Tensor, regions?: readonly Region[]): Tensor {
    return exec.run(this.op, [map], { regions });
  }
}

/** The largest value of each channel. */
export class Mac extends PlainPooling {
  constructor() {
    super(mac);
  }
}

/** The mean of each channel. */
export class Spoc extends PlainPooling {
  constructor() {
    super(spoc);
  }
}

/** Generalised mean with the learned exponent `p`: one for all channels (GeM), or one for each (GeMmp). */
export class Gem implements RegionalPooling {
  private readonly p: { readonly tensor: Tensor };

  constructor(store: WeightStore, exponents = 1) {
    this.p = store.tensor("p", [exponents]);
  }

  forward(exec: Exec, map: Tensor, regions?: readonly Region[]): Tensor {
    return exec.run(gem, [map, this.p.tensor], { epsilon: EPSILON, regions });
  }
}

/** The whole map first, then the grid. */
function wholeAndGrid([, H, W]: readonly number[], levels: number): Region[] {
  return [{ y0: 0, x0: 0, h: H, w: W }, ...regionGrid(H, W, levels)];
}

/** Rows [N·R, D] → sums over the R rows of each image [N, D]. */
function sumOverRegions(exec: Exec, rows: Tensor, images: number): Tensor {
  const [count, D] = rows.shape;
  return exec.run(regionSum, [rows.view([images, count / images, 1, D])], {});
}

/** R-MAC: normalised maxima of the whole map and of every grid region, summed; the sum stays as it is. */
export class Rmac implements Pooling {
  constructor(private readonly levels = LEVELS) {}

  forward(exec: Exec, map: Tensor): Tensor {
    return exec.device.scope(() => {
      const maxima = exec.run(mac, [map], { regions: wholeAndGrid(map.shape, this.levels) });
      return sumOverRegions(exec, l2n(exec, maxima), map.shape[0]);
    });
  }
}

/** Regional pooling: an inner pooling of the whole map and of every grid region, whitened if asked for. */
export class Rpool implements Pooling {
  private readonly whiten: Linear | undefined;

  /** `whiten`: a store with `weight` [D, D] and `bias` [D] below `whiten.`, and D. */
  constructor(
    private readonly inner: RegionalPooling,
    whiten?: { readonly store: WeightStore; readonly dim: number },
    private readonly levels = LEVELS,
  ) {
    this.whiten = whiten && new Linear(whiten.store, "whiten", [whiten.dim, whiten.dim], { bias: true });
  }

  /** Normalised (and whitened) region vectors [N·R, D], the whole map's first, image by image. */
  regions(exec: Exec, map: Tensor): Tensor {
    return exec.device.scope(() => {
      const rows = l2n(exec, this.inner.forward(exec, map, wholeAndGrid(map.shape, this.levels)));
      return this.whiten ? l2n(exec, this.whiten.forward(exec, rows)) : rows;
    });
  }

  /** Their sum, normalised: [N, D]. */
  forward(exec: Exec, map: Tensor): Tensor {
    return exec.device.scope(() => l2n(exec, sumOverRegions(exec, this.regions(exec, map), map.shape[0])));
  }
}

export interface PoolingSpec {
  /** `mac`, `spoc`, `gem`, `gemmp` or `rmac`, as files and command lines name them. */
  readonly pooling: string;
  /** D. */
  readonly dim: number;
  /** Wraps the pooling in Rpool with whitening. */
  readonly regional: boolean;
}

/**
 * The pooling of a cirtorch or SOLAR network from the weights below `pool.`: `p`, or with `regional` `rpool.p`,
 * `whiten.weight` and `whiten.bias`.
 * @throws UsageError for an unknown name, and for R-MAC inside regional pooling, which has no single region
 */
export function buildPooling(store: WeightStore, { pooling, dim, regional }: PoolingSpec): Pooling {
  if (pooling === "rmac" && !regional) return new Rmac();
  const below = regional ? store.below("rpool.") : store;
  const makers: Readonly<Record<string, () => RegionalPooling>> = {
    mac: () => new Mac(),
    spoc: () => new Spoc(),
    gem: () => new Gem(below),
    gemmp: () => new Gem(below, dim),
  };
  if (!Object.hasOwn(makers, pooling)) {
    const names = Object.keys(makers).join(", ");
    throw new UsageError(
      "BAD_POOLING",
      `nets: pooling — expected ${regional ? `${names} (regional)` : `${names} or rmac`}, got ${pooling}`,
    );
  }
  const inner = makers[pooling]();
  return regional ? new Rpool(inner, { store, dim }) : inner;
}
