/** @file Rankings as one self-contained HTML page: no script, no file beside it, light and dark. */
import type { MeanScore } from "../metrics/mean-average-precision.js";
import { LEVELS } from "../metrics/protocol.js";
import type { Hit, QueryReport, Section, Verdict } from "./collect.js";

/** A photo ready for the page; `box` is in percent of its sides. */
export interface PageImage {
  readonly jpeg: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly original: { readonly width: number; readonly height: number };
}

/** Everything the page says besides its sections. */
export interface PageHead {
  readonly title: string;
  /** Lines below the title. */
  readonly notes: readonly string[];
}

/** Finds the picture of a photo. */
export type PictureOf = (path: string) => PageImage;

const STYLE = `
:root { color-scheme: light dark; --good: #1a9850; --bad: #d73027; --junk: #8a8a8a; --line: #8884; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
p { margin: .2rem 0; } .dim { opacity: .7; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
td:first-child, th:first-child { text-align: left; padding-left: 0; } table, .num { font-variant-numeric: tabular-nums; }
.query { display: grid; grid-template-columns: 11rem 1fr; gap: 1rem; padding: 1rem 0; border-top: 1px solid var(--line); }
.hits { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .6rem; align-items: start; }
figure { margin: 0; } figcaption { font-size: .8rem; overflow-wrap: anywhere; }
.photo { position: relative; display: block; border: 4px solid transparent; border-radius: 4px; overflow: hidden; }
.photo img { display: block; width: 100%; height: auto; }
.asked { position: absolute; outline: 2px solid #ffd92f; outline-offset: -2px; }
.easy .photo, .hard .photo, .positive .photo { border-color: var(--good); } .hard .photo { border-style: dashed; }
.negative .photo { border-color: var(--bad); } .junk .photo { border-color: var(--junk); }
.legend span { border: 3px solid; border-radius: 4px; padding: 0 .4rem; margin-right: .5rem; }
@media (max-width: 40rem) { .query { grid-template-columns: 1fr; } }
`;

/** The page, piece by piece. */
export function* renderPage(head: PageHead, sections: readonly Section[], pictureOf: PictureOf): Generator<string> {
  yield `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n`;
  yield `<meta name="viewport" content="width=device-width, initial-scale=1">\n`;
  yield `<title>${htmlText(head.title)}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<h1>${htmlText(head.title)}</h1>\n`;
  for (const note of head.notes) yield `<p>${htmlText(note)}</p>\n`;
  for (const section of sections) yield* renderSection(section, pictureOf);
  yield "</body>\n</html>\n";
}

function* renderSection({ result, queries }: Section, pictureOf: PictureOf): Generator<string> {
  yield `<h2>${htmlText(result.dataset)} · ${result.method}</h2>\n`;
  yield scoreTable(result.score);
  yield `<p class="dim">${result.queryNames.length} queries, ${result.images} images`;
  yield queries.length < result.queryNames.length ? `; the first ${queries.length} queries are shown</p>\n` : "</p>\n";
  yield legend(queries);
  for (const query of queries) yield renderQuery(query, pictureOf);
}

function scoreTable(score: Section["result"]["score"]): string {
  if (!score) return "<p>No ground truth.</p>\n";
  const levels: [string, MeanScore][] =
    score.protocol === "plain" ? [["all", score.all]] : LEVELS.map((level) => [level, score.levels[level]]);
  const heading = ["level", "mAP", ...score.kappas.map((k) => `mP@${k}`)].map((h) => `<th>${h}</th>`).join("");
  const rows = levels.map(([level, mean]) => {
    const cells = [level, percent(mean.map), ...mean.meanPrecisionAt.map(percent)];
    return `<tr>${cells.map((c) => `<td>${c}</td>`).join("")}</tr>`;
  });
  return `<table><tr>${heading}</tr>${rows.join("")}</table>\n`;
}

const MEANING: Record<Verdict, [colour: string, text: string]> = {
  easy: ["var(--good)", "easy positive"],
  hard: ["var(--good); border-style: dashed", "hard positive"],
  positive: ["var(--good)", "positive"],
  negative: ["var(--bad)", "negative"],
  junk: ["var(--junk)", "junk (ignored)"],
  unjudged: ["transparent", "not judged"],
};

function legend(queries: readonly QueryReport[]): string {
  const present = new Set(queries.flatMap((q) => q.hits.map((h) => h.verdict)));
  const entries = (Object.keys(MEANING) as Verdict[]).filter((v) => present.has(v));
  const spans = entries.map((v) => `<span style="border-color: ${MEANING[v][0]}">${MEANING[v][1]}</span>`);
  return `<p class="legend">${spans.join("")}</p>\n`;
}

function renderQuery(query: QueryReport, pictureOf: PictureOf): string {
  const picture = pictureOf(query.path);
  const aps = query.scores
    .filter((s) => s.positives > 0)
    .map((s) => `AP ${s.level} ${percent(s.ap)} (${s.positives})`)
    .join("<br>");
  const shown = `<span class="photo">${image(picture, `query ${query.name}`)}${askedPart(query, picture)}</span>`;
  const caption = `<figcaption><b>${htmlText(query.name)}</b><br><span class="num">${aps}</span></figcaption>`;
  const hits = query.hits.map((hit, i) => renderHit(hit, i + 1, pictureOf)).join("\n");
  return `<section class="query">\n<figure>${shown}${caption}</figure>\n<div class="hits">\n${hits}\n</div>\n</section>\n`;
}

function renderHit(hit: Hit, place: number, pictureOf: PictureOf): string {
  const shown = `<span class="photo">${image(pictureOf(hit.path), `${hit.name}, ${MEANING[hit.verdict][1]}`)}</span>`;
  const caption = `<figcaption class="num" title="${htmlText(hit.name)}">${place} · ${hit.score.toPrecision(4)}</figcaption>`;
  return `<figure class="${hit.verdict}">${shown}${caption}</figure>`;
}

function image({ jpeg, width, height }: PageImage, text: string): string {
  const data = Buffer.from(jpeg).toString("base64");
  return `<img src="data:image/jpeg;base64,${data}" width="${width}" height="${height}" loading="lazy" alt="${htmlText(text)}">`;
}

function askedPart({ box }: QueryReport, { original: { width, height } }: PageImage): string {
  if (!box) return "";
  const [x1, y1, x2, y2] = [box[0] / width, box[1] / height, box[2] / width, box[3] / height].map((v) =>
    Math.min(1, Math.max(0, v)),
  );
  const at = (v: number) => `${(100 * v).toFixed(1)}%`;
  return `<span class="asked" style="left:${at(x1)};top:${at(y1)};width:${at(x2 - x1)};height:${at(y2 - y1)}"></span>`;
}

function percent(fraction: number): string {
  return Number.isNaN(fraction) ? "–" : (100 * fraction).toFixed(1);
}

/** Text for HTML, in attributes too. */
export function htmlText(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
