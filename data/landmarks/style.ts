/** @file The style of a landmark: the choices that its builder would not change from wall to wall. */
import type { Builder, Material } from "./builder.js";
import { BRICKS, METALS, PLASTERS, ROOFS, STONES, vary, WOODS } from "./colours.js";
import { metal, plain, sheet, tiles } from "./coverings.js";
import { ashlar, brick, concrete, marble, planks, plaster, rubble } from "./masonry.js";
import { clock, glass, mosaic, mural, relief, sign, stained } from "./ornament.js";
import type { Rng } from "./random.js";
import type { ColumnOrder } from "./solids.js";
import type { Rgb, Texture } from "./texture.js";

/** What a landmark is. */
export type Kind =
  | "palace"
  | "church"
  | "temple"
  | "tower"
  | "castle"
  | "dome"
  | "houses"
  | "arch"
  | "modern"
  | "statue";
/** How an opening ends at its top. */
export type ArchForm = "flat" | "segmental" | "round" | "pointed" | "ogee" | "trefoil";
/** Shape of the main roof. */
export type RoofForm = "hip" | "gable" | "mansard" | "flat";
/** What stands along the edge of a flat roof. */
export type Parapet = "none" | "balusters" | "crenels" | "solid" | "finials";
/** What frames a window on the wall. */
export type Surround = "none" | "band" | "ears" | "voussoirs" | "quoins";
/** What shelters a window. */
export type Hood = "none" | "cornice" | "triangle" | "segment" | "alternate";

/** Materials are indices in the builder that the style was made with. */
export interface Style {
  readonly kind: Kind;
  readonly wall: Material;
  readonly wall2: Material;
  readonly base: Material;
  readonly trim: Material;
  readonly roof: Material;
  readonly metal: Material;
  readonly frame: Material;
  readonly door: Material;
  readonly glass: Material;
  readonly panel: Material;
  readonly inlay: Material;
  readonly mural: Material;
  readonly sign: Material;
  readonly clock: Material;
  readonly stained: Material;
  readonly plain: Material;
  /** Form of the windows of the lower, middle and top floors. */
  readonly windows: readonly [ArchForm, ArchForm, ArchForm];
  readonly doorArch: ArchForm;
  readonly surround: Surround;
  readonly hood: Hood;
  readonly lights: 1 | 2 | 3;
  readonly panes: readonly [number, number];
  readonly shutters: boolean;
  readonly recess: number;
  readonly bay: number;
  readonly fill: number;
  readonly floors: readonly [number, number, number];
  readonly order: ColumnOrder;
  readonly pilasters: "none" | "flat" | "half" | "buttress";
  readonly cornice: number;
  readonly dentils: "none" | "blocks" | "corbels" | "arches";
  readonly course: number;
  readonly parapet: Parapet;
  readonly quoins: boolean;
  readonly balcony: number;
  readonly roofForm: RoofForm;
  readonly roofPitch: number;
  readonly dormers: number;
  readonly groundFloor: "windows" | "arcade" | "shops";
  readonly stripes: number;
  readonly panels: number;
  readonly spire: "cone" | "onion" | "dome" | "pyramid" | "lantern";
}

type Family = "classical" | "gothic" | "romanesque" | "vernacular" | "baroque" | "oriental" | "modern";

const FAMILY: Record<Kind, Partial<Record<Family, number>>> = {
  palace: { classical: 3, baroque: 3, gothic: 1, vernacular: 1, oriental: 0.6 },
  church: { gothic: 4, romanesque: 3, baroque: 2 },
  temple: { classical: 1 },
  tower: { gothic: 1, romanesque: 1, baroque: 1, oriental: 1, vernacular: 1 },
  castle: { romanesque: 2, gothic: 1, vernacular: 1 },
  dome: { classical: 1, baroque: 2, oriental: 1.5, romanesque: 1 },
  houses: { vernacular: 3, baroque: 1.5, gothic: 0.7 },
  arch: { classical: 2, oriental: 1, romanesque: 0.5 },
  modern: { modern: 1 },
  statue: { classical: 1, baroque: 1 },
};

/** How often each kind of landmark is drawn. */
export const KIND_WEIGHTS: Readonly<Record<Kind, number>> = {
  palace: 0.22,
  church: 0.16,
  temple: 0.06,
  tower: 0.09,
  castle: 0.09,
  dome: 0.11,
  houses: 0.11,
  arch: 0.05,
  modern: 0.05,
  statue: 0.12,
};

/**
 * Draws a style and registers its textures. `choice` decides the grammar and is shared by a landmark and the
 * distractors that imitate it; `detail` decides colours' last shades, patterns' seeds and is each one's own.
 */
export function drawStyle(choice: Rng, detail: Rng, b: Builder, kind: Kind): Style {
  const family = choice.weighted<Family>(FAMILY[kind]);
  const is = (...f: Family[]) => f.includes(family);
  const stone = choice.pick(STONES);
  const shade = (colour: Rgb, amount = 0.05) => vary(detail, colour, amount);
  type WallKind = "ashlar" | "brick" | "rubble" | "plaster" | "marble" | "concrete" | "planks";
  const wallKinds: Record<Family, Partial<Record<WallKind, number>>> = {
    classical: { ashlar: 4, plaster: 3, marble: 2, brick: 1 },
    gothic: { ashlar: 4, brick: 2, rubble: 1.5 },
    romanesque: { ashlar: 3, rubble: 2, brick: 2, marble: 0.5 },
    vernacular: { plaster: 3, brick: 3, rubble: 1, planks: 1 },
    baroque: { plaster: 4, ashlar: 2, brick: 0.7 },
    oriental: { plaster: 2, ashlar: 2, marble: 1, brick: 1 },
    modern: { concrete: 3, plaster: 1, brick: 1.5, marble: 0.5 },
  };
  const brickColour = choice.pick(BRICKS);
  const plasterColour = choice.pick(PLASTERS);
  const woodColour = choice.pick(WOODS);
  const makeWall = (k: WallKind): Texture => {
    if (k === "brick") return brick(detail, shade(brickColour));
    if (k === "plaster") return plaster(detail, shade(plasterColour));
    if (k === "rubble") return rubble(detail, shade(stone));
    if (k === "marble") return marble(detail, shade(stone));
    if (k === "concrete") return concrete(detail, shade([0.66, 0.65, 0.62]));
    if (k === "planks") return planks(detail, shade(woodColour), 3);
    return ashlar(detail, shade(stone));
  };
  const wallKind = choice.weighted<WallKind>(wallKinds[family]);
  const otherKind = choice.weighted<WallKind>(wallKinds[family]);
  const trimColour: Rgb = wallKind === "plaster" && choice.chance(0.4) ? [0.93, 0.92, 0.89] : choice.pick(STONES);
  const metalColour = choice.pick(METALS);
  const roofColour = choice.pick(ROOFS);
  const metalRoof = choice.chance(is("baroque", "oriental") ? 0.4 : 0.2);
  const frameColour: Rgb = choice.chance(0.55) ? [0.88, 0.87, 0.84] : choice.pick(WOODS);
  const arch: ArchForm = is("modern")
    ? "flat"
    : is("gothic")
      ? choice.pick(["pointed", "pointed", "trefoil", "ogee"])
      : is("oriental")
        ? choice.pick(["ogee", "pointed", "round", "trefoil"])
        : is("romanesque")
          ? "round"
          : choice.pick(["flat", "segmental", "round"]);
  const middle: ArchForm = is("modern")
    ? choice.pick(["flat", "flat", "flat", "segmental"])
    : choice.chance(is("gothic", "romanesque", "oriental") ? 0.75 : 0.3)
      ? arch
      : "flat";
  const top: ArchForm = choice.chance(0.6) ? middle : choice.pick(["flat", "segmental", "round"]);
  const tall = is("classical", "baroque") ? choice.range(4, 6) : choice.range(3.2, 4.8);
  return {
    kind,
    wall: b.add(makeWall(wallKind)),
    wall2: b.add(makeWall(otherKind)),
    base: b.add(
      choice.chance(0.6) ? ashlar(detail, shade(stone), 1) : makeWall(choice.chance(0.5) ? "rubble" : wallKind),
    ),
    trim: b.add(choice.chance(0.25) ? marble(detail, shade(trimColour)) : plaster(detail, shade(trimColour))),
    roof: b.add(metalRoof ? sheet(detail, shade(metalColour)) : tiles(detail, shade(roofColour))),
    metal: b.add(metal(detail, shade(metalColour), 0.2)),
    frame: b.add(planks(detail, shade(frameColour), 2)),
    door: b.add(planks(detail, shade(choice.pick(WOODS)))),
    glass: b.add(glass(detail)),
    panel: b.add(relief(detail, shade(trimColour), detail.range(1.2, 2.4))),
    inlay: b.add(mosaic(detail)),
    mural: b.add(mural(detail, 4)),
    sign: b.add(sign(detail)),
    clock: b.add(clock(detail)),
    stained: b.add(stained(detail)),
    plain: b.add(plain()),
    windows: [choice.chance(0.5) ? arch : middle, middle, top],
    doorArch: is("modern") ? "flat" : choice.chance(0.7) ? (arch === "flat" ? "round" : arch) : "flat",
    surround: is("modern")
      ? "none"
      : choice.weighted<Surround>({
          none: 1,
          band: 3,
          ears: 1.5,
          voussoirs: is("romanesque", "gothic", "oriental") ? 4 : 1.2,
          quoins: 1,
        }),
    hood: is("classical", "baroque")
      ? choice.pick(["none", "cornice", "triangle", "segment", "alternate"])
      : choice.chance(0.15)
        ? "cornice"
        : "none",
    lights: is("gothic", "romanesque") ? choice.pick([1, 2, 2, 3]) : choice.chance(0.12) ? 2 : 1,
    panes: [choice.pick([1, 2, 2, 3]), choice.pick([2, 3, 3, 4, 5])],
    shutters: is("vernacular", "classical") && choice.chance(0.35),
    recess: choice.range(0.15, is("gothic", "romanesque", "modern") ? 0.6 : 0.4),
    bay: is("modern") ? choice.range(2.2, 4) : choice.range(2.8, 4.6),
    fill: is("modern") ? choice.range(0.6, 0.88) : choice.range(0.32, 0.52),
    floors: [tall * choice.range(0.85, 1.2), tall, tall * choice.range(0.6, 0.95)],
    order: is("classical")
      ? choice.pick(["doric", "ionic", "leafy"])
      : is("baroque")
        ? choice.pick(["ionic", "leafy"])
        : choice.pick(["plain", "leafy"]),
    pilasters: is("modern")
      ? "none"
      : is("gothic")
        ? choice.pick(["buttress", "none"])
        : is("classical", "baroque")
          ? choice.pick(["flat", "half", "none"])
          : choice.pick(["none", "none", "flat"]),
    cornice: is("modern") ? 0.25 : choice.range(0.4, 1.2),
    dentils: is("modern")
      ? "none"
      : is("romanesque", "gothic")
        ? choice.pick(["arches", "corbels", "none"])
        : choice.pick(["blocks", "corbels", "none"]),
    course: choice.chance(0.75) ? choice.range(0.15, 0.4) : 0,
    parapet: is("modern")
      ? choice.pick(["none", "solid"])
      : is("gothic", "oriental")
        ? choice.pick(["crenels", "finials", "solid"])
        : is("vernacular")
          ? "none"
          : choice.pick(["balusters", "solid", "finials", "none"]),
    quoins: !is("modern") && choice.chance(0.35),
    balcony: !is("modern") && choice.chance(0.4) ? choice.range(0.1, 0.6) : 0,
    roofForm: is("modern")
      ? "flat"
      : choice.weighted<RoofForm>({
          hip: 3,
          gable: is("vernacular") ? 4 : 1,
          mansard: is("baroque", "classical") ? 2 : 0.3,
          flat: is("oriental") ? 3 : 1,
        }),
    roofPitch: choice.range(0.35, is("gothic") ? 1.4 : 0.9),
    dormers: choice.chance(0.5) ? choice.range(0.3, 1) : 0,
    groundFloor: choice.weighted({
      windows: 3,
      arcade: is("classical", "gothic", "oriental") ? 1.5 : 0.7,
      shops: is("vernacular", "baroque") ? 1.2 : 0.2,
    }),
    stripes: choice.chance(is("romanesque", "oriental", "gothic") ? 0.35 : 0.06) ? choice.range(0.4, 1) : 0,
    panels: choice.chance(0.5) ? choice.range(0.15, 0.5) : 0,
    spire: is("gothic")
      ? choice.pick(["cone", "pyramid", "lantern"])
      : is("oriental")
        ? choice.pick(["onion", "dome"])
        : choice.pick(["dome", "onion", "pyramid", "lantern", "cone"]),
  };
}
