/** @file One landmark with its surroundings, built from its seed. */
import { Builder } from "./builder.js";
import { building } from "./buildings.js";
import { type Extent, measure } from "./extent.js";
import { hash32, Rng } from "./random.js";
import type { Scene } from "./scene.js";
import type { Skyline } from "./sky.js";
import { drawStyle, KIND_WEIGHTS, type Kind } from "./style.js";
import { type Stock, surroundings } from "./surroundings.js";

/** What names a landmark: the seed of its style and the seed of everything else. Distractors share the first. */
export interface LandmarkSeeds {
  readonly style: number;
  readonly detail: number;
}

/** A built landmark: the builder keeps the triangles, so that each view can add its passers-by and drop them again. */
export interface Landmark {
  readonly kind: Kind;
  readonly builder: Builder;
  readonly extent: Extent;
  readonly stock: Stock;
  /** Triangles of the landmark itself, then of the whole still scene. */
  readonly own: number;
  readonly still: number;
  readonly skyline: Skyline;
  readonly age: number;
}

/** The seeds of landmark `index` of a data set, or of the distractor that imitates it. */
export function seedsOf(seed: number, index: number, distractor?: number): LandmarkSeeds {
  return {
    style: hash32(seed, "style", index),
    detail: distractor === undefined ? hash32(seed, "landmark", index) : hash32(seed, "distractor", distractor),
  };
}

/** Builds the landmark of these seeds. */
export function buildLandmark(seeds: LandmarkSeeds): Landmark {
  const choice = new Rng(seeds.style);
  const detail = new Rng(seeds.detail);
  const builder = new Builder();
  const kind = choice.weighted<Kind>(KIND_WEIGHTS);
  const style = drawStyle(choice.fork("style"), detail.fork("style"), builder, kind);
  const around = building(builder, style, detail.fork("building"));
  const own = builder.count;
  const extent = measure(builder.mesh(), own, around);
  const stock = surroundings(builder, style, detail.fork("surroundings"), extent);
  const age = detail.range(0.1, 1);
  const skyline: Skyline = {
    seed: detail.int(0, 1 << 20),
    kind: detail.pick(["hills", "woods", "town"]),
    height: detail.range(0.02, 0.14),
  };
  return { kind, builder, extent, stock, own, still: builder.count, skyline, age };
}

/** The landmark as a scene with the triangles that its builder holds now. */
export function sceneOf(l: Landmark): Scene {
  return {
    mesh: l.builder.mesh(),
    textures: l.builder.textures,
    landmark: l.own,
    skyline: l.skyline,
    radius: l.extent.radius,
    height: l.extent.height,
    age: l.age,
  };
}
