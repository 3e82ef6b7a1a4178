/** @file What is put on a facade: pilasters and buttresses, cornices, portals, balconies, parapets. */
import type { Builder } from "./builder.js";
import { band, type Opening } from "./opening.js";
import { column, corniceProfile, lathe, moulding } from "./solids.js";
import type { Style } from "./style.js";

/** Quoins at the corners and, unless `modest`, pilasters or buttresses between the bays, up to height `top`. */
export function verticals(
  b: Builder,
  s: Style,
  width: number,
  bays: number,
  bay: number,
  top: number,
  modest = false,
): void {
  if (s.quoins)
    for (let k = 0; k * 0.5 < top - 0.4; k++)
      for (const x of [0, width]) {
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
  if (s.pilasters === "none" || modest) return;
  const foot = s.pilasters === "buttress" ? 0 : 0.4 + s.floors[0];
  if (top - foot < 2) return;
  for (let i = 0; i <= bays; i++) {
    const x = Math.min(width - 0.3, Math.max(0.3, i * bay));
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

/** What makes a door a portal: columns under a pediment or stepped bands, and steps before it. */
export function portal(b: Builder, s: Style, o: Opening): void {
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

/** A balcony of width w with its floor at y: iron bars or stone balusters. */
export function balcony(b: Builder, s: Style, x: number, y: number, w: number): void {
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
