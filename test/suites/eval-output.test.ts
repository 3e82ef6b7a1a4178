/** @file What an evaluation tells besides its scores: times of queries, how k-means ended, ranked lists as JSON and page. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { timeLines } from "../../cli/eval-table.js";
import { LineProgress } from "../../cli/progress.js";
import type { Dataset } from "../../data/datasets/types.js";
import { parseSet } from "../../tasks/config/override.js";
import { timedSearches, timesInWords } from "../../tasks/evaluate/query-times.js";
import type { DatasetResult } from "../../tasks/evaluate/results.js";
import { runEvaluation } from "../../tasks/evaluate/run.js";
import type { Progress } from "../../tasks/progress.js";
import { collectSection } from "../../tasks/report/collect.js";
import { linkTo } from "../../tasks/report/link.js";
import { collectReport, rankedJson, reportHead, writeReport } from "../../tasks/report/write.js";
import { SCENES, toyTools, writeToyData } from "../support/toy-evaluation.js";

const test = suite("eval-output");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-eval-output-"));
test.after(() => rmSync(root, { recursive: true }));

test("a search is timed without its first time, and apart from extraction", async () => {
  let runs = 0;
  const search = async (q: number) => {
    const until = performance.now() + (runs++ === 0 ? 60 : 1);
    while (performance.now() < until);
    return 10 * q;
  };
  const { found, searchCold, searchWarm } = await timedSearches([1], search);
  assert.equal([found, runs], [[10], 2]);
  assert.ok(searchCold >= 0.06 && searchWarm < 0.03, `${searchCold} ${searchWarm}`);
  const words = timesInWords({ extraction: 1.25, searchCold: 0.123, searchWarm: 0.0012 });
  assert.is(words, "extraction 1.3 s a query, search 1.2 ms (the first, with compilation, 120 ms)");
  assert.match(
    timesInWords({ extraction: null, searchCold: 0.1, searchWarm: 0.1 }),
    /^features of an earlier run, search 100 ms/,
  );
});

test("a stage that ends well before its total says how", () => {
  const lines: string[] = [];
  const stage = new LineProgress(
    (line) => lines.push(line),
    () => 0,
  ).stage("codebook", 10);
  stage.advance(8);
  stage.end("converged after 8 of at most 10 iterations");
  assert.equal(lines, ["codebook: converged after 8 of at most 10 iterations in 0.0 s"]);
});

test("an evaluation tells times, convergence and a limit that leaves nothing to see", async () => {
  const config = await writeToyData(join(root, "toy"));
  const lines: string[] = [];
  const ends = new Map<string, string | undefined>();
  const progress: Progress = {
    stage: (label) => ({ advance() {}, end: (outcome) => void ends.set(label, outcome) }),
    note: (line) => lines.push(line),
    warn: (line) => lines.push(`warning: ${line}`),
  };
  const lists = collectReport({ top: 3, queries: Number.POSITIVE_INFINITY });
  const options = { config, progress, onRanked: lists.onRanked };
  const few = [parseSet("evaluation.local_descriptor.asmk.train_codebook.codebook.size=3")];
  const result = await runEvaluation({ ...options, overrides: few }, toyTools());
  assert.match(ends.get("codebook of 3 words") ?? "", /^converged after [2-9] of at most 10 iterations$/);
  const [global, local] = result.results;
  for (const { queryTimes, querySeconds } of [global, local]) {
    assert.ok(queryTimes && queryTimes.searchCold > 0 && queryTimes.searchWarm === querySeconds);
  }
  assert.ok((global.queryTimes?.extraction ?? 0) > 0);
  assert.is(local.queryTimes?.extraction, null, "its features came out of the pass for the global descriptors");
  assert.is(lines.filter((l) => /^toy queries: .*, search .* ms \(the first/.test(l)).length, 2, lines.join("\n"));
  assert.is(timeLines(result).split("\n").length, 2);
  assert.match(readFileSync(join(result.folder, "eval.log"), "utf8"), /Average query time .*\n.*INFO: toy queries: /);

  const json = JSON.parse(JSON.stringify(rankedJson(result, lists.sections)));
  for (const one of json.results) {
    assert.is(one.rankings.length, SCENES);
    assert.equal(one.rankings[0].query, "scene0_0.png");
    assert.equal(one.rankings[0].box, [0, 0, 30, 24]);
    assert.equal(Object.keys(one.rankings[0].ap), ["easy", "medium", "hard"]);
    assert.is(one.rankings[0].top.length, 3);
    const [best] = one.rankings[0].top;
    assert.equal(Object.keys(best).sort(), ["id", "image", "label", "path", "place", "score"]);
    assert.ok(best.place === 1 && existsSync(best.path) && best.path.endsWith(best.image));
  }

  const page = join(root, "page", "..", "rankings.html");
  await writeReport(page, reportHead(result), lists.sections);
  const html = readFileSync(page, "utf8");
  for (const [, link] of html.matchAll(/href="([^"]+)"/g)) {
    assert.ok(!link.includes("file:") && existsSync(new URL(link, pathToFileURL(page))), link);
  }
  assert.match(html, /<figcaption[^>]*><span class="name">scene\d_\d\.png<\/span>/);
  assert.match(html, /<meta name="viewport" content="width=device-width/);
  assert.match(html, /value="worst" checked> worst first.*value="listed"> as listed/);

  const small = [parseSet("evaluation.inference.image_size=16")];
  await runEvaluation({ ...options, overrides: small }, toyTools());
  const warned = lines.filter((l) => l.startsWith("warning: evaluation.inference.image_size 16"));
  assert.is(warned.length, 1);
  assert.is(lines.filter((l) => /image_size/.test(l)).length, 1, "not of 64");
});

test("the worst queries come first, those without positives last, and each keeps its place in the list", () => {
  const dataset = {
    ...{ name: "x", protocol: "old", warnings: [], images: ["/a/1.jpg", "/b/1.jpg"], imageNames: ["a/1", "b/1"] },
    queries: ["q0", "q1", "q2"].map((name) => ({ name, path: `/${name}.jpg`, box: null })),
    groundTruth: [0, 1, 2].map(() => ({ ok: [0], junk: [] })),
  } as Dataset;
  const ap = (value: number) => ({ ap: value, positives: 1, found: 1, firstHit: 1, precisionAt: [] });
  const all = { queries: [ap(0.9), ap(Number.NaN), ap(0.2)] };
  const result = { score: { protocol: "plain", all }, queryNames: ["q0", "q1", "q2"] } as unknown as DatasetResult;
  const rankings = {
    ...{ queries: 3, depth: 2, querySeconds: 0, times: null },
    ...{ ids: Int32Array.of(0, 1, 0, 1, -3, 1), scores: Float64Array.of(2, 1, 2, 1, 2, 1) },
  };
  const of = (queries: number) => collectSection(dataset, rankings, result, { top: 2, queries }).queries;
  assert.equal(
    of(3).map((q) => [q.name, q.index]),
    [
      ["q2", 2],
      ["q0", 0],
      ["q1", 1],
    ],
  );
  assert.is(of(1)[0].name, "q2");
  assert.equal(
    of(1)[0].hits.map(({ place, id, name, verdict }) => [place, id, name, verdict]),
    [
      [1, -3, null, "distractor"],
      [2, 1, "b/1", "negative"],
    ],
  );
});

test("links are relative and hold any name", () => {
  const page = join(root, "out", "page.html");
  assert.is(linkTo(page, join(root, "photos", "a b#1?.jpg")), "../photos/a%20b%231%3F.jpg");
  assert.is(linkTo(page, join(root, "out", "a:b.jpg")), "a%3Ab.jpg");
  assert.is(linkTo(page, join(root, "out", "caf\udce9.jpg")), "caf%E9.jpg");
  assert.is(linkTo(page, join(root, "out", "é.jpg")), "%C3%A9.jpg");
});

test.run();
