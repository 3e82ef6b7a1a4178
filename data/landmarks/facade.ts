/** @file One facade: floors of bays between string courses, with pilasters, portals, balconies, panels and a cornice. */
import type { Builder } from "./builder.js";
import { band, doorIn, type Opening, pierced, rise, sheetIn, surroundOf, windowIn } from "./opening.js";
import type { Rng } from "./random.js";
import { column, corniceProfile, lathe, moulding } from "./solids.js";
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
  verticals(b, s, plan, bays, bay, y);
  if (!plan.bare) cornice(b, s, plan.width, y);
  return y + s.cornice;
}

function verticals(b: Builder, s: Style, plan: FacadePlan, bays: number, bay: number, top: number): void {
  if (s.quoins)
    for (let k = 0; k * 0.5 < top - 0.4; k++)
      for (const x of [0, plan.width]) {
        const w = k & 1 ? 0.35 : 0.6;
        b.box(
          x === 0 ? 0 : x - w,
          x === 0 ? w : x,
          0.42 + k * 0.5,
          0.4 + Math.min(top - 0.4, (k + 1) * 0.5) - 0.04,
          0,
          0.07,
          s.trim,
        );
      }
  if (s.pilasters === "none" || plan.modest) return;
  const foot = s.pilasters === "buttress" ? 0 : 0.4 + s.floors[0];
  if (top - foot < 2) return;
  for (let i = 0; i <= bays; i++) {
    const x = Math.min(plan.width - 0.3, Math.max(0.3, i * bay));
    if (s.pilasters === "half")
      b.place(x, foot, 0.02, 0, () => column(b, top - foot, Math.min(0.32, bay * 0.08), s.order, s.trim, true));
    else if (s.pilasters === "flat") {
      const w = Math.min(0.35, bay * 0.09);
      b.box(x - w, x + w, foot, top, 0, 0.14, s.trim);
      b.box(x - w * 1.3, x + w * 1.3, foot, foot + 0.3, 0, 0.2, s.trim);
      b.box(x - w * 1.4, x + w * 1.4, top - 0.45, top, 0, 0.24, s.trim, true);
    } else {
      const steps = 3;
      for (let k = 0; k < steps; k++) {
        const d = 1.1 - k * 0.35;
        b.box(x - 0.32, x + 0.32, (top * k) / steps, (top * (k + 1)) / steps, 0, d, s.wall);
        moulding(
          b,
          x - 0.36,
          x + 0.36,
          (top * (k + 1)) / steps - 0.1,
          [
            [d, 0],
            [d + 0.08, 0.08],
            [d - 0.35, 0.5],
          ],
          s.trim,
        );
      }
    }
  }
}

/** The main cornice with what hangs below it, at height y. */
export function cornice(b: Builder, s: Style, width: number, y: number): void {
  const d = s.cornice * 0.8;
  moulding(b, -0.05, width + 0.05, y, corniceProfile(s.cornice, d), s.trim);
  if (s.dentils === "none") return;
  const pitch = s.dentils === "blocks" ? 0.45 : s.dentils === "corbels" ? 0.9 : 1.1;
  const n = Math.max(1, Math.floor(width / pitch));
  const step = width / n;
  for (let i = 0; i < n; i++) {
    const x = (i + 0.5) * step;
    if (s.dentils === "blocks")
      b.box(x - step * 0.28, x + step * 0.28, y - 0.02, y + s.cornice * 0.28, 0, d * 0.5, s.trim, true);
    else if (s.dentils === "corbels")
      b.box(x - step * 0.16, x + step * 0.16, y - 0.35, y + s.cornice * 0.35, 0, d * 0.75, s.trim, true);
    else band(b, { x, y: y - 0.75, w: step * 0.66, h: 0.6, form: "round", depth: 0 }, 0, step * 0.17, 0.12, s.trim);
  }
}

function portal(b: Builder, s: Style, o: Opening): void {
  const w = o.w / 2 + 0.5;
  if (s.pilasters === "half" || s.order === "leafy") {
    for (const side of [-1, 1])
      b.place(o.x + side * w, o.y, 0.45, 0, () => column(b, o.h + 0.2, 0.22, s.order, s.trim));
    b.box(o.x - w - 0.4, o.x + w + 0.4, o.y + o.h + 0.2, o.y + o.h + 0.6, 0, 0.8, s.trim, true);
    const tip = o.y + o.h + 0.6 + w * 0.5;
    b.tri([o.x - w - 0.4, o.y + o.h + 0.6, 0.75], [o.x + w + 0.4, o.y + o.h + 0.6, 0.75], [o.x, tip, 0.75], s.panel);
    for (const side of [-1, 1])
      b.quad(
        [o.x + side * (w + 0.5), o.y + o.h + 0.6, 0.85],
        [o.x, tip + 0.12, 0.85],
        [o.x, tip + 0.12, 0],
        [o.x + side * (w + 0.5), o.y + o.h + 0.6, 0],
        s.trim,
      );
  } else
    for (let k = 0; k < 3; k++)
      band(b, o, k * 0.18, k * 0.18 + 0.13, 0.24 - 0.08 * k, s.trim, s.surround === "voussoirs" ? s.wall2 : undefined);
  for (let k = 0; k < 3; k++)
    b.box(
      o.x - w - 0.9 + k * 0.3,
      o.x + w + 0.9 - k * 0.3,
      o.y - 0.4 + k * 0.13,
      o.y - 0.27 + k * 0.13,
      0,
      1.5 - k * 0.35,
      s.base,
    );
}

function balcony(b: Builder, s: Style, x: number, y: number, w: number): void {
  b.box(x - w / 2, x + w / 2, y - 0.16, y, 0, 0.9, s.trim, true);
  for (const side of [-0.35, 0.35])
    b.box(x + w * side - 0.1, x + w * side + 0.1, y - 0.6, y - 0.16, 0, 0.5, s.trim, true);
  const iron = s.order === "plain" || s.order === "doric";
  const n = Math.max(3, Math.round(w / (iron ? 0.16 : 0.26)));
  for (let i = 0; i <= n; i++) {
    const cx = x - w / 2 + (w * i) / n;
    if (iron) b.box(cx - 0.015, cx + 0.015, y, y + 0.95, 0.82, 0.86, s.metal);
    else
      b.place(cx, y, 0.82, 0, () =>
        lathe(
          b,
          [
            [0.05, 0],
            [0.1, 0.25],
            [0.04, 0.6],
            [0.07, 0.85],
          ],
          5,
          s.trim,
          true,
        ),
      );
  }
  b.box(x - w / 2 - 0.05, x + w / 2 + 0.05, y + 0.85, y + 0.98, 0.74, 0.92, iron ? s.metal : s.trim, true);
  for (const side of [-1, 1])
    b.box(
      x + (side * w) / 2 - 0.02,
      x + (side * w) / 2 + 0.02,
      y + (iron ? 0.5 : 0),
      y + 0.95,
      0,
      0.85,
      iron ? s.metal : s.trim,
    );
}

/** What stands along the edge of a flat roof: balusters, battlements, a solid wall or finials. */
export function parapet(b: Builder, s: Style, width: number, y: number): void {
  if (s.parapet === "none") return;
  if (s.parapet === "solid") b.box(0, width, y, y + 0.9, -0.35, 0.05, s.wall);
  else if (s.parapet === "crenels") {
    b.box(0, width, y, y + 0.6, -0.4, 0.1, s.wall);
    const n = Math.max(1, Math.round(width / 1.5));
    for (let i = 0; i < n; i++)
      b.box(((i + 0.2) * width) / n, ((i + 0.8) * width) / n, y + 0.6, y + 1.4, -0.4, 0.1, s.wall);
  } else {
    const n = Math.max(1, Math.round(width / (s.parapet === "finials" ? s.bay : 0.4)));
    b.box(0, width, y, y + 0.2, -0.3, 0.05, s.trim);
    if (s.parapet === "balusters") {
      for (let i = 0; i < n; i++)
        if (i % 8 === 0) b.box((i * width) / n, ((i + 0.9) * width) / n, y + 0.2, y + 1.1, -0.3, 0.05, s.trim);
        else
          b.place(((i + 0.5) * width) / n, y + 0.2, -0.12, 0, () =>
            lathe(
              b,
              [
                [0.06, 0],
                [0.12, 0.25],
                [0.05, 0.6],
                [0.09, 0.75],
              ],
              5,
              s.trim,
              true,
            ),
          );
      b.box(0, width, y + 0.95, y + 1.1, -0.32, 0.08, s.trim, true);
    } else
      for (let i = 0; i <= n; i++)
        b.place((i * width) / n, y + 0.2, -0.12, 0, () =>
          lathe(
            b,
            [
              [0.3, 0],
              [0.3, 0.5],
              [0.12, 0.6],
              [0.3, 1],
              [0.18, 1.3],
              [0, 2],
            ],
            6,
            s.trim,
          ),
        );
  }
}
