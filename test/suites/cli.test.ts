/** @file The command line: help, exit codes, one-line errors, streams, and what its options become. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import { expandShortOptions } from "../../cli/argv.js";
import { overridesOf } from "../../cli/eval.js";
import { formatBytes, formatCount, formatSeconds, formatTable } from "../../cli/format.js";
import { featuresLimit, parseBytes, parseDatasets, parseFeaturesNum, parseScales } from "../../cli/options.js";
import { LineProgress } from "../../cli/progress.js";

const test = suite("cli");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-cli-"));
test.after(() => rmSync(folder, { recursive: true }));
const program = join(packageRoot(), "dist/cli/main.js");

/** Runs the program in an empty folder. */
function run(...args: string[]) {
  const env = { ...process.env, DEBUG: "" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    cwd: folder,
    encoding: "utf8",
    env,
  });
  return { status, stdout, stderr };
}

/** Runs what must fail: one line on stderr, nothing on stdout. Returns the line. */
function fails(status: number, ...args: string[]): string {
  const result = run(...args);
  assert.is(result.status, status, `${args.join(" ")}: ${result.stderr}`);
  assert.is(result.stdout, "");
  assert.match(result.stderr, /^fire-gpu: [^\n]+\n$/);
  return result.stderr;
}

test("help teaches with an example, lists the exit codes and fits a screen", () => {
  for (const args of [
    [],
    ["eval"],
    ["extract"],
    ["devices"],
    ["inspect"],
    ["convert"],
    ["download"],
    ["data", "render"],
  ]) {
    const { status, stdout } = run(...args, "--help");
    assert.is(status, 0, args.join(" "));
    assert.match(stdout, /fire-gpu \w/);
    assert.match(stdout, /Exit codes: 0 done/);
    assert.ok(stdout.split("\n").length <= 50, `${args.join(" ")}: ${stdout.split("\n").length} lines`);
  }
  assert.match(run("--version").stdout, /^\d+\.\d+\.\d+\n$/);
});

test("wrong usage ends with code 2 and one line that helps", () => {
  assert.match(fails(2, "evall"), /unknown command 'evall'; did you mean eval\?/);
  assert.match(fails(2, "eval"), /missing required argument 'config'/);
  assert.match(fails(2, "eval", "eval_fire", "--scale", "1"), /did you mean --scales\?/);
  assert.match(fails(2, "eval", "eval_fire", "--features-num", "-3"), /whole number from 1 on/);
  assert.match(fails(2, "eval", "eval_fire", "--scales", "[0]"), /numbers from 0\.015625 up to 64/);
  assert.match(fails(2, "eval", "nothing_like_it"), /bundled: eval_fire,/);
  assert.match(
    fails(2, "eval", "eval_fire", "--set", "evaluation.inferenc.scales=1"),
    /did you mean evaluation\.inference\?/,
  );
  assert.match(fails(2, "extract", "a.jpg", "--out", "x"), /--model/);
  assert.match(fails(2, "download"), /at least one name/);
  assert.match(fails(2, "data", "render"), /--out/);
});

test("a missing model or photo ends with code 4, a file that is none with code 3", () => {
  assert.match(
    fails(4, "eval", "eval_fire", "-ml", "nowhere.pth", "--exp-folder", folder),
    /model nowhere\.pth: not found/,
  );
  assert.match(fails(4, "extract", "none.jpg", "-m", "nowhere.pth", "-o", "x"), /none\.jpg: no such image/);
  const broken = join(folder, "broken.pth");
  writeFileSync(broken, "this is no checkpoint");
  assert.match(fails(3, "inspect", broken), /broken\.pth: .*\[\w+\]/);
  assert.match(fails(4, "inspect", "nowhere.pth"), /nowhere\.pth/);
});

test("DEBUG=1 adds the stack", () => {
  const env = { ...process.env, DEBUG: "1" };
  const { stderr } = spawnSync(process.execPath, [program, "inspect", "none"], { cwd: folder, encoding: "utf8", env });
  assert.match(stderr, /\n {4}at /);
});

test("results go to stdout, alone", () => {
  const { status, stdout } = run("download", "--list");
  assert.is(status, 0);
  assert.match(stdout, /^name +what\n─+ {2}─+\n(.*\n)*fire +FIRe/);
});

test("-ml is --model-load, up to --", () => {
  assert.equal(expandShortOptions(["eval", "c", "-ml", "x"]), ["eval", "c", "--model-load", "x"]);
  assert.equal(expandShortOptions(["-ml=x", "-m", "y"]), ["--model-load", "x", "-m", "y"]);
  assert.equal(expandShortOptions(["--", "-ml"]), ["--", "-ml"]);
});

test("options become overrides in the order of precedence, and keep their names for errors", () => {
  const flags = {
    experiment: "e",
    scales: [1, 0.5],
    featuresNum: "all" as const,
    datasetsLocal: ["roxford5k", '["rparis6k", {"name": "own", "images": "d"}]'],
    set: ["experiment=late", "evaluation.inference.image_size=512"],
  };
  assert.equal(overridesOf(flags), [
    { path: "experiment", source: "--experiment", value: "e" },
    { path: "evaluation.inference.features_num", source: "--features-num", value: null },
    { path: "evaluation.inference.scales", source: "--scales", value: [1, 0.5] },
    {
      path: "evaluation.local_descriptor.datasets",
      source: "--datasets-local",
      value: ["roxford5k", "rparis6k", { name: "own", images: "d" }],
    },
    { path: "experiment", source: "--set", value: "late" },
    { path: "evaluation.inference.image_size", source: "--set", value: 512 },
  ]);
  assert.equal(overridesOf({}), []);
});

test("option values are read as people write them", () => {
  assert.equal(parseScales("[1,0.5]"), [1, 0.5]);
  assert.equal(parseScales("2, 1.414"), [2, 1.414]);
  assert.throws(() => parseScales("a"), /numbers from 0\.015625 up to 64/);
  assert.is(featuresLimit(parseFeaturesNum("all")), null);
  assert.is(parseFeaturesNum("400"), 400);
  assert.is(parseBytes("1.5GB"), 1.5 * 2 ** 30);
  assert.is(parseBytes("512MiB"), 2 ** 29);
  assert.is(parseBytes("1000"), 1000);
  assert.throws(() => parseBytes("much"), /such as "512M"/);
  assert.equal(parseDatasets(["a", "[b, c]"]), ["a", "b", "c"]);
});

test("numbers are short, tables aligned", () => {
  assert.equal([0.1234, 7, 12.34, 498, 12345, 5.1e6].map(formatCount), ["0.12", "7", "12.3", "498", "12.3k", "5.10M"]);
  assert.equal([0.5, 42, 200, 18720].map(formatSeconds), ["0.5 s", "42 s", "3 min 20 s", "5 h 12 min"]);
  assert.equal([512, 1536, 2 ** 31].map(formatBytes), ["512 B", "1.50 KiB", "2.00 GiB"]);
  assert.is(
    formatTable([
      ["a", "n"],
      ["long", "1"],
    ]),
    "a     n\n────  ─\nlong  1",
  );
});

test("progress without a terminal is a line now and then, with rate and time left", () => {
  const lines: string[] = [];
  let now = 0;
  const progress = new LineProgress(
    (line) => lines.push(line),
    () => now,
  );
  const stage = progress.stage("photos", 100, 40);
  for (let i = 0; i < 30; i++) {
    now += 1000;
    stage.advance();
  }
  progress.note("news");
  stage.end();
  assert.equal(lines, [
    "photos: 50/100 (1/s, 50 s left)",
    "photos: 60/100 (1/s, 40 s left)",
    "photos: 70/100 (1/s, 30 s left)",
    "news",
    "photos: 70/100 in 30 s (1/s)",
  ]);
});

test("Ctrl-C ends with code 130 and says that the run can be continued", async () => {
  const out = join(folder, "rendered");
  const args = [program, "data", "render", "--landmarks", "400", "--views", "4", "--size", "64", "-j", "1", "-o", out];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  let asked = false;
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
    // the first image is told of: by then the run listens
    if (!asked && /rendering: /.test(stderr)) asked = child.kill("SIGINT");
  });
  const code = await new Promise((done) => child.on("close", done));
  assert.is(code, 130, stderr);
  assert.match(stderr, /stopping; Ctrl-C again ends at once\n(.*\n)*fire-gpu: interrupted; .*again to continue/);
});

test.run();
