/** @file One facade: floors of bays between string courses, with pilasters, portals, balconies, panels and a cornice. */
import type { Builder } from "./builder.js";
import { balcony, cornice, portal, verticals } from "./facadeTrim.js";
import { band, doorIn, type Opening, pierced, rise, sheetIn, surroundOf, windowIn } from "./opening.js";
import type { Rng } from "./random.js";
import { corniceProfile, moulding } from "./solids.js";
import type { Style } from "./style.js";

/** What one facade is asked to be. */
export interface FacadePlan {
  readonly width: number;
  readonly floors: number;
  /** A portal in the middle bay of the ground floor. */
  readonly door?: boolean;
  /** Windows of a plain kind, for back sides and background buildings. */
  readonly modest?: boolean;
  /** No cornice: something goes on top. */
  readonly bare?: boolean;
  readonly stained?: boolean;
}

/** Height of a facade of n floors up to the top of its cornice. */
export function facadeHeight(s: Style, floors: number): number {
  let h = 0.4;
  for (let i = 0; i < floors; i++) h += floorHeight(s, i, floors);
  return h + s.cornice;
}

function floorHeight(s: Style, i: number, floors: number): number {
  return i === 0 ? s.floors[0] : i === floors - 1 && floors > 2 ? s.floors[2] : s.floors[1];
}

/** Builds the facade in the local frame: x from 0 to width, y up, the wall at z = 0. Returns its height. */
export function facade(b: Builder, s: Style, rng: Rng, plan: FacadePlan): number {
  const bays = Math.max(1, Math.round(plan.width / s.bay));
  const bay = plan.width / bays;
  const middle = (bays - 1) / 2;
  const noisy = rng.int(0, 1 << 20);
  b.box(0, plan.width, 0, 0.4, -0.1, 0.12, s.base);
  let y = 0.4;
  for (let f = 0; f < plan.floors; f++) {
    const h = floorHeight(s, f, plan.floors);
    const top = f === plan.floors - 1;
    const wall = f === 0 && s.base !== s.wall && !plan.modest ? s.base : f === 1 && s.stripes ? s.wall2 : s.wall;
    const form = s.windows[f === 0 ? 0 : top ? 2 : 1];
    for (let i = 0; i < bays; i++) {
      const x0 = i * bay;
      const cx = x0 + bay / 2;
      const seed = noisy + f * 131 + i;
      const isDoor = plan.door && f === 0 && Math.abs(i - middle) < 0.6;
      const arcade = f === 0 && s.groundFloor === "arcade" && !isDoor && !plan.modest;
      const shop = f === 0 && s.groundFloor === "shops" && !isDoor && !plan.modest;
      const share = isDoor ? Math.max(0.5, s.fill) : arcade || shop ? 0.72 : top ? s.fill * 0.85 : s.fill;
      const kind = isDoor
        ? s.doorArch
        : arcade
          ? s.windows[0] === "flat"
            ? "round"
            : s.windows[0]
          : shop
            ? "flat"
            : form;
      let w = Math.min(bay * share, isDoor ? 3 : 4.2);
      const sillHeight = isDoor || arcade ? 0 : shop ? 0.5 : h * 0.2;
      const room = h - sillHeight - Math.max(0.35, h * 0.14);
      // An arch must leave some upright jamb under it.
      const limit = (room * 1.7) / Math.max(0.5, rise(kind));
      if (w > limit) w = limit;
      const o: Opening = { x: cx, y: y + sillHeight, w, h: room, form: kind, depth: arcade ? 1.1 : s.recess };
      // Panels keep to a rule in the plan, so that a facade is symmetric and two views show the same.
      const odd = Math.abs(i - middle) % 3 < 0.6 && i !== middle;
      const panelHere =
        !isDoor &&
        !arcade &&
        !shop &&
        !plan.modest &&
        odd &&
        f > 0 &&
        ((f * 7 + Math.round(s.panels * 50)) % 5) / 5 < s.panels;
      if (panelHere) {
        b.wall(x0, x0 + bay, y, y + h, 0, wall);
        const half = Math.min(w, room) / 2;
        const py = y + h / 2;
        b.box(cx - half - 0.12, cx + half + 0.12, py - half - 0.12, py + half + 0.12, 0, 0.06, s.trim);
        b.picture(
          [cx - half, py - half, 0.09],
          [cx + half, py - half, 0.09],
          [cx + half, py + half, 0.09],
          [cx - half, py + half, 0.09],
          (f + i) & 1 ? s.panel : s.inlay,
        );
        continue;
      }
      pierced(b, x0, x0 + bay, y, y + h, wall, o, s.trim);
      if (isDoor) {
        doorIn(b, o, s);
        portal(b, s, o);
      } else if (arcade) {
        sheetIn(b, o, -o.depth, s.wall2);
        const inner = { ...o, w: o.w * 0.55, h: o.h * 0.7, form: "flat" as const, depth: 0.05 };
        b.place(0, 0, -o.depth + 0.06, 0, () => windowIn(b, inner, s, seed));
        surroundOf(b, o, s, i, false);
      } else if (shop) {
        windowIn(b, { ...o, depth: 0.2 }, { ...s, panes: [3, 1], lights: 1 }, seed);
        const u = (i % 3) * 0.25;
        b.tinted([0.7 + u, 0.9 - u * 0.5, 0.8], () =>
          b.picture(
            [cx - w / 2, o.y + o.h + 0.05, 0.1],
            [cx + w / 2, o.y + o.h + 0.05, 0.1],
            [cx + w / 2, o.y + o.h + 0.6, 0.1],
            [cx - w / 2, o.y + o.h + 0.6, 0.1],
            s.sign,
            0.25,
          ),
        );
      } else {
        windowIn(b, o, s, seed, plan.stained ? s.stained : s.glass);
        if (!plan.modest) surroundOf(b, o, s, i + f);
        else band(b, o, 0, 0.12, 0.05, s.trim);
        const central = Math.abs(i - middle) < 0.6;
        if (f > 0 && !plan.modest && s.balcony && (central || (s.balcony > 0.3 && (i + f) % 2 === 0)))
          balcony(b, s, cx, y + sillHeight - 0.05, w * 1.5);
      }
    }
    if (s.stripes && f > 0)
      for (let k = 1; k < 6; k++)
        if (k % 2)
          moulding(
            b,
            0,
            plan.width,
            y + (h * k) / 6,
            [
              [0.02, 0],
              [0.02, h * 0.07 * s.stripes],
            ],
            s.wall2,
          );
    y += h;
    if (s.course && !top)
      moulding(b, 0, plan.width, y - s.course / 2, corniceProfile(s.course, s.course * 0.8), s.trim);
  }
  verticals(b, s, plan.width, bays, bay, y, plan.modest);
  if (!plan.bare) cornice(b, s, plan.width, y);
  return y + s.cornice;
}
