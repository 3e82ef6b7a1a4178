/** @file From collected sections to a page on disk. */
import { basename } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import { readThumbnailOrGrey, type Thumbnail } from "../../data/thumbnail.js";
import { type EvalResult, resultJson } from "../evaluate/results.js";
import type { OnRanked } from "../evaluate/session.js";
import { collectSection, type ReportLimits, rankingsJson, type Section } from "./collect.js";
import { linkTo } from "./link.js";
import { type PageHead, renderPage } from "./page.js";

/** Longer side of the pictures in pixels: what the page's columns need on common screens. */
const PICTURE = 176;
const AT_ONCE = 8;

/** What an evaluation is given as `onRanked` to fill `sections`. */
export function collectReport(limits: ReportLimits): { readonly sections: Section[]; readonly onRanked: OnRanked } {
  const sections: Section[] = [];
  return { sections, onRanked: (...ranked) => sections.push(collectSection(...ranked, limits)) };
}

/** The results as JSON with the best places of every query: `rankings` of each result. */
export function rankedJson(result: EvalResult, sections: readonly Section[]): unknown {
  const plain = resultJson(result) as { results: object[] };
  const rankings = (i: number) => sections.find((section) => section.result === result.results[i]);
  return {
    ...plain,
    results: plain.results.map((one, i) => {
      const section = rankings(i);
      return section ? { ...one, rankings: rankingsJson(section) } : one;
    }),
  };
}

/** Title and first lines of an evaluation's page. `about` says more of the network. */
export function reportHead({ experiment, model, device }: EvalResult, about = basename(model.file)): PageHead {
  return {
    title: `fire-gpu: ${experiment}`,
    notes: [`Network: ${model.kind} ${model.architecture}, ${about}`, `Device: ${device}`],
  };
}

/**
 * Writes the page, whole or not at all; every photo is read once.
 * A photo that cannot be read is a grey square. @throws FireGpuError CannotWrite
 */
export async function writeReport(file: string, head: PageHead, sections: readonly Section[]): Promise<void> {
  const queries = sections.flatMap((s) => s.queries);
  const found = queries.flatMap((q) => [q.path, ...q.hits.flatMap((h) => h.path ?? [])]);
  const paths = [...new Set(found)];
  const pictures = new Map<string, Thumbnail>();
  for (let begin = 0; begin < paths.length; begin += AT_ONCE) {
    const block = paths.slice(begin, begin + AT_ONCE);
    const read = await Promise.all(block.map((path) => readThumbnailOrGrey(path, PICTURE)));
    for (const [i, path] of block.entries()) pictures.set(path, read[i]);
  }
  const link = (path: string) => linkTo(file, path);
  writeFileAtomic(file, bytes(renderPage(head, sections, (path) => pictures.get(path) as Thumbnail, link)));
}

function* bytes(texts: Iterable<string>): Iterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
