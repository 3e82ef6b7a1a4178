/** @file Loss and score curves as one HTML file that needs nothing else. */
import type { History, Series } from "./history.js";

interface Curve {
  readonly name: string;
  readonly values: Series;
}

const WIDTH = 640;
const HEIGHT = 300;
const MARGIN = { left: 60, right: 16, top: 16, bottom: 34 };
const COLOURS = ["#1f6fb4", "#d1495b", "#2e8b57", "#8a5fbf", "#c77d0a", "#444444"];

/** A page with a plot for the loss, one for scores where there are any, one for the distance of negatives. */
export function curvesHtml(title: string, history: History): string {
  const scores = (["local", "global"] as const).flatMap((method) =>
    Object.entries(history[method]).map(([dataset, values]) => ({
      name: `${dataset} (${method === "local" ? "ASMK" : "global"})`,
      values: values.map(([epoch, map]) => [epoch, 100 * map] as const),
    })),
  );
  const plots = [
    plot("Training loss", [{ name: "mean over tuples", values: history.trainLoss }]),
    scores.length > 0 ? plot("Validation mAP, percent", scores) : "",
    history.negativeDistance.length > 0
      ? plot("Distance of queries to mined negatives", [{ name: "mean", values: history.negativeDistance }])
      : "",
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title>
<style>body{font:14px system-ui,sans-serif;margin:24px;color:#222;background:#fff}svg{display:block;margin-bottom:28px}text{font-size:12px;fill:#444}</style>
</head><body><h1>${escapeHtml(title)}</h1>
${plots.filter(Boolean).join("\n")}
</body></html>
`;
}

/** One SVG with axes and a legend. */
function plot(title: string, curves: readonly Curve[]): string {
  const points = curves.flatMap((c) => c.values);
  const [x0, x1] = range(points.map(([x]) => x));
  const [low, high] = range(points.map(([, y]) => y));
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  const [y0, y1] = [low - pad, high + pad];
  const { left, right, top, bottom } = MARGIN;
  const x = (v: number) => left + ((v - x0) / (x1 - x0 || 1)) * (WIDTH - left - right);
  const y = (v: number) => HEIGHT - bottom - ((v - y0) / (y1 - y0)) * (HEIGHT - top - bottom);
  const axes = [
    ...ticks(y0, y1, 5).map(
      (v) =>
        `<line x1="${left}" x2="${WIDTH - right}" y1="${px(y(v))}" y2="${px(y(v))}" stroke="#ddd"/><text x="${left - 6}" y="${px(y(v) + 4)}" text-anchor="end">${label(v)}</text>`,
    ),
    ...ticks(x0, x1, 8)
      .filter(Number.isInteger)
      .map((v) => `<text x="${px(x(v))}" y="${HEIGHT - bottom + 18}" text-anchor="middle">${v}</text>`),
    `<text x="${WIDTH - right}" y="${HEIGHT - 2}" text-anchor="end">epoch</text>`,
  ];
  const lines = curves.map(({ name, values }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = values.map(([e, v], k) => `${k ? "L" : "M"}${px(x(e))} ${px(y(v))}`).join("");
    const dots = values.map(
      ([e, v]) =>
        `<circle cx="${px(x(e))}" cy="${px(y(v))}" r="2.5" fill="${colour}"><title>${e}: ${label(v)}</title></circle>`,
    );
    const legend = `<text x="${left + 8}" y="${top + 14 + 16 * i}" style="fill:${colour}">${escapeHtml(name)}</text>`;
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join("")}${legend}`;
  });
  return `<h2>${escapeHtml(title)}</h2>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${axes.join("")}${lines.join("")}</svg>`;
}

function range(values: readonly number[]): [number, number] {
  return values.reduce(
    ([a, b], v) => [Math.min(a, v), Math.max(b, v)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}

/** About `count` round numbers between two values. */
function ticks(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((m) => m * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-9);
  const found: number[] = [];
  for (let i = first; i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

function px(v: number): string {
  return v.toFixed(1);
}

function label(v: number): string {
  return Number(v.toPrecision(4)).toString();
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
