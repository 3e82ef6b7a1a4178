/** @file Rankings as one self-contained HTML page: no script, no file beside it, light and dark. */

import { pathToFileURL } from "node:url";
import { visibleText } from "../../base/printable.js";
import type { MeanScore } from "../metrics/mean-average-precision.js";
import { LEVELS } from "../metrics/protocol.js";
import { GENERATOR } from "../outputs.js";
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

/** Address of a photo for the page. */
export type LinkTo = (path: string) => string;

const STYLE = `
:root { color-scheme: light dark; --good: #1a9850; --bad: #d73027; --junk: #8a8a8a; --line: #8884; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; } h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h1, h2, p { overflow-wrap: anywhere; } p { margin: .2rem 0; } .dim { opacity: .7; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; } td, th { padding: .15rem .8rem; text-align: right; border-bottom: 1px solid var(--line); }
td:first-child, th:first-child { text-align: left; padding-left: 0; } table, .num { font-variant-numeric: tabular-nums; }
.legend, .order { display: flex; flex-wrap: wrap; gap: .4rem .8rem; margin: .6rem 0; align-items: center; }
.legend span { border: 3px solid; border-radius: 4px; padding: 0 .4rem; white-space: nowrap; }
.order label { padding: .2rem 0; }
.queries { display: flex; flex-direction: column; }
.order:has([value=listed]:checked) + .queries .query { order: var(--listed); }
.query { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 1rem; padding: 1rem 0; border-top: 1px solid var(--line); }
.hits { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .6rem; align-items: start; }
figure { margin: 0; } figcaption { font-size: .8rem; overflow-wrap: anywhere; }
.name { display: block; } .place { opacity: .7; }
.photo { position: relative; display: block; border: 4px solid transparent; border-radius: 4px; overflow: hidden; }
.photo img { display: block; width: 100%; height: auto; }
.none { display: grid; place-items: center; aspect-ratio: 4 / 3; background: var(--line); font-size: .8rem; }
.asked { position: absolute; outline: 2px solid #ffd92f; outline-offset: -2px; }
.easy .photo, .hard .photo, .positive .photo { border-color: var(--good); } .hard .photo { border-style: dashed; }
.negative .photo, .distractor .photo { border-color: var(--bad); } .junk .photo { border-color: var(--junk); }
@media (max-width: 40rem) {
  body { margin: 1rem auto; padding: 0 .75rem; }
  .query { grid-template-columns: minmax(0, 1fr); } .query > figure { max-width: 60%; }
  .hits { grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); }
  td, th { padding: .15rem .45rem; }
  .legend { position: sticky; top: 0; background: Canvas; padding: .3rem 0; z-index: 1; font-size: .8rem; }
}
`;

/** The page, piece by piece. */
export function* renderPage(
  head: PageHead,
  sections: readonly Section[],
  pictureOf: PictureOf,
  linkTo: LinkTo = (path) => pathToFileURL(path).href,
): Generator<string> {
  yield `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n`;
  yield `<meta name="viewport" content="width=device-width, initial-scale=1">\n${GENERATOR}\n`;
  yield `<title>${htmlText(head.title)}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<h1>${htmlText(head.title)}</h1>\n`;
  for (const note of head.notes) yield `<p>${htmlText(note)}</p>\n`;
  for (const [i, section] of sections.entries()) yield* renderSection(section, pictureOf, linkTo, `order-${i}`);
  yield "</body>\n</html>\n";
}

function* renderSection(
  { result, queries }: Section,
  pictureOf: PictureOf,
  linkTo: LinkTo,
  group: string,
): Generator<string> {
  yield `<h2>${htmlText(result.dataset)} · ${result.method}</h2>\n`;
  yield scoreTable(result.score);
  const which = result.score ? "worst" : "first";
  const all = result.queryNames.length;
  yield `<p class="dim">${all} queries, ${result.images} images`;
  yield queries.length < all ? `; the ${which} ${queries.length} queries are shown</p>\n` : "</p>\n";
  yield legend(queries);
  yield result.score ? orderChoice(group) : "";
  yield `<div class="queries">\n`;
  for (const query of queries) yield renderQuery(query, pictureOf, linkTo);
  yield "</div>\n";
}

/** Without a script: the choice sets the order in which the style lays queries out. */
function orderChoice(group: string): string {
  const choice = (value: string, text: string, checked: string) =>
    `<label><input type="radio" name="${group}" value="${value}"${checked}> ${text}</label>`;
  return `<div class="order">Queries: ${choice("worst", "worst first", " checked")} ${choice("listed", "as listed", "")}</div>\n`;
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
  return `<div class="wide"><table><tr>${heading}</tr>${rows.join("")}</table></div>\n`;
}

const MEANING: Record<Verdict, [colour: string, text: string]> = {
  easy: ["var(--good)", "easy positive"],
  hard: ["var(--good); border-style: dashed", "hard positive"],
  positive: ["var(--good)", "positive"],
  negative: ["var(--bad)", "negative"],
  junk: ["var(--junk)", "junk (ignored)"],
  distractor: ["var(--bad)", "distractor"],
  unjudged: ["transparent", "not judged"],
};

function legend(queries: readonly QueryReport[]): string {
  const present = new Set(queries.flatMap((q) => q.hits.map((h) => h.verdict)));
  const entries = (Object.keys(MEANING) as Verdict[]).filter((v) => present.has(v));
  const spans = entries.map((v) => `<span style="border-color: ${MEANING[v][0]}">${MEANING[v][1]}</span>`);
  return `<p class="legend">${spans.join("")}</p>\n`;
}

function renderQuery(query: QueryReport, pictureOf: PictureOf, linkTo: LinkTo): string {
  const picture = pictureOf(query.path);
  const aps = query.scores
    .filter((s) => s.positives > 0)
    .map((s) => `AP ${s.level} ${percent(s.ap)} (${s.positives})`)
    .join("<br>");
  const inside = `${image(picture, `query ${query.name}`)}${askedPart(query, picture)}`;
  const caption = `<figcaption><b class="name">${htmlText(query.name)}</b><span class="num">${aps}</span></figcaption>`;
  const hits = query.hits.map((hit) => renderHit(hit, pictureOf, linkTo)).join("\n");
  const shown = `<figure>${linked(linkTo(query.path), inside)}${caption}</figure>`;
  return `<section class="query" style="--listed: ${query.index}">\n${shown}\n<div class="hits">\n${hits}\n</div>\n</section>\n`;
}

function renderHit({ place, path, name, score, verdict }: Hit, pictureOf: PictureOf, linkTo: LinkTo): string {
  const shown =
    path === null
      ? `<span class="photo"><span class="none">distractor</span></span>`
      : linked(linkTo(path), image(pictureOf(path), `${name}, ${MEANING[verdict][1]}`));
  const text = name === null ? "" : `<span class="name">${htmlText(name)}</span>`;
  const caption = `<figcaption class="num">${text}<span class="place">${place} · ${score.toPrecision(4)}</span></figcaption>`;
  return `<figure class="${verdict}">${shown}${caption}</figure>`;
}

function linked(address: string, inside: string): string {
  return `<a class="photo" href="${htmlText(address)}">${inside}</a>`;
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
  return visibleText(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
