/** @file Slips on the command line: near names, odd values, and values that must stay what they are. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FireGpuError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { didYouMean, nearNames } from "../../base/suggest.js";
import { expandShortOptions } from "../../cli/argv.js";
import { buildProgram } from "../../cli/program.js";
import { encodeJpeg } from "../../data/encode-jpeg.js";
import { Safetensors } from "../../formats/safetensors.js";

const test = suite("cli usage");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-usage-"));
test.after(() => rmSync(folder, { recursive: true }));
const program = join(packageRoot(), "dist/cli/main.js");

/** The line and the exit code of a command line that must be refused before anything is done. */
async function refused(...args: string[]): Promise<string> {
  try {
    await buildProgram().parseAsync(expandShortOptions(args), { from: "user" });
  } catch (error) {
    const { exitCode, code, message: line } = error as FireGpuError;
    // whatever commander finds wrong is told with code 2 (cli.test.ts)
    assert.ok(code?.startsWith("commander.") || exitCode === 2, `${args.join(" ")}: ${(error as Error).stack}`);
    assert.not.match(line, /\n|at line \d/);
    return line;
  }
  return assert.unreachable(`${args.join(" ")}: expected an error`) as never;
}

type Command = ReturnType<typeof buildProgram>;

/** What a command's options become; the command itself is not run. */
async function optionsOf(name: string, ...args: string[]): Promise<Record<string, unknown>> {
  const root = buildProgram();
  const command = name.split(" ").reduce<Command>((c, part) => c.commands.find((d) => d.name() === part)!, root);
  command.action(() => {});
  await root.parseAsync([...name.split(" "), ...args], { from: "user" });
  return command.opts();
}

test("near names are slips of the pen, or names that hold what was given", () => {
  const configs = ["eval_fire", "eval_fire_demo", "eval_how_r18_1000", "eval_how_r50-_1000", "eval_how_r50-_2000"];
  const cases: [string, string[]][] = [
    ["eval_fier", ["eval_fire"]],
    ["eval-fire.yml", ["eval_fire"]],
    ["EVAL_HOW_R18_1000", ["eval_how_r18_1000"]],
    ["eval_how_r50_1000", ["eval_how_r50-_1000"]],
    ["r50", ["eval_how_r50-_1000", "eval_how_r50-_2000"]],
    ["foo", []],
    ["ab", []],
    ["", []],
  ];
  for (const [given, expected] of cases) assert.equal(nearNames(given, configs), expected, given);
  assert.equal(nearNames("foo", ["box", "fo", "food"]), ["fo", "food"]);
  assert.equal(nearNames("foo", ["box", "queries.box", "for me"]), []);
  assert.is(didYouMean("r50", configs), "did you mean eval_how_r50-_1000 or eval_how_r50-_2000?");
});

test("unknown commands, options, configurations, devices, data sets and downloads get near names that make sense", async () => {
  const cases: [string[], RegExp][] = [
    [["evla"], /unknown command 'evla'; did you mean eval\?/],
    [["evaluate"], /did you mean eval\?/],
    [["demo_eval", "eval_fire.yml"], /did you mean eval or demo\?/],
    [["search"], /unknown command 'search'; known are eval, extract/],
    [["data", "rendr"], /did you mean render\?/],
    [["extract", "x", "-m", "y", "-o", "z", "--imagesize", "3"], /'--imagesize'; did you mean --image-size\?/],
    [["eval", "eval_fire", "--foo"], /'--foo'; fire-gpu eval --help lists all/],
    [["eval", "eval_fier"], /did you mean eval_fire\?/],
    [["eval", "params/eccv20/eval_how_r18_1000.yml"], /did you mean eval_how_r18_1000\?/],
    [["eval", "eval_fire", "--datasets-local", "roxfrd5k"], /^--datasets-local: .*did you mean roxford5k\?/],
    [["eval", "eval_fire", "--step", "train_codebok"], /^--step: .*did you mean train_codebook\?/],
    [["eval", "--datasets-local", "roxford5k", "eval_fire"], /--datasets-local takes all words after it/],
    [["train", "train_fire", "--architecture", "resnt50"], /'resnt50' is invalid.*did you mean resnet50\?/],
    [["train", "train_fire", "--set", "foo=1"], /^--set: foo: unknown key; known here: demo_train, training,/],
    [["train", "train_fire", "--set", "validation.local_descriptor.datasets=[val_eccv2]"], /did you mean val_eccv20\?/],
    [["train", "eval_fire"], /an evaluation file; .*fire-gpu eval runs it/],
    [["download", "fire", "roxfrd5k"], /"roxfrd5k"; did you mean roxford5k\?/],
    [["bench", "gem"], /got "gem"; did you mean gemm\?/],
    [
      ["extract", join(folder, "photo.jpg"), "-m", demo, "-o", join(folder, "z"), "--device", "softwar"],
      /^--device: no device matches "softwar".*did you mean software\?/,
    ],
    [["tune", "--device", "nonsense"], /^--device: no device matches "nonsense" — expected one of .*"software"$/],
  ];
  for (const [args, expected] of cases) assert.match(await refused(...args), expected, args.join(" "));
});

test("odd values are refused with the option's name, what was expected and what was given", async () => {
  const extract = ["extract", "x.jpg", "-m", "m.pth", "-o", "z"];
  const cases: [string[], RegExp][] = [
    [[...extract, "--memory", "0"], /'--memory <bytes>' argument '0' is invalid. Expected an amount above 0/],
    [[...extract, "--memory", "1e99G"], /'--memory <bytes>' argument '1e99G'/],
    [[...extract, "--memory", "99999999999999G"], /'--memory/],
    [[...extract, "--image-size", "999999999"], /'--image-size <pixels>' argument '999999999'.*from 1 to 1000000/],
    [[...extract, "--scales", "[1,"], /'--scales <list>' argument '\[1,' is invalid. Expected numbers from/],
    [[...extract, "--scales", "[1e9]"], /up to 64/],
    [[...extract, "--scales", "[1e-9]"], /from 0\.015625 up to 64/],
    [[...extract, "--scales", "{a: 1}"], /'--scales/],
    [[...extract, "--scales", "[.inf]"], /'--scales/],
    [[...extract, "--scales", "[*a]"], /'--scales/],
    [[...extract, "--features-num", "-1"], /'--features-num <n>' argument '-1'.*or "all"/],
    [[...extract, "--features-num", "99999999999999999999"], /'--features-num/],
    [[...extract, "--device", ""], /'--device <which>' argument '' .*an empty text/],
    [["extract", "", "-m", "m.pth", "-o", "z"], /'' is invalid for argument 'images'. .*an empty text/],
    [["extract", "x.jpg", "-m", "m.pth", "-o", " "], /'-o, --out <file>' argument ' ' .*an empty text/],
    [["eval", ""], /an empty text/],
    [["eval", "eval_fire", "-e", ""], /'-e, --experiment <name>'/],
    [
      ["eval", "eval_fire", "--datasets-local", "[roxford5k"],
      /^--datasets-local \[roxford5k: expected names, or a list/,
    ],
    [["eval", "eval_fire", "--partition", "10_0"], /^--partition: evaluation\.multistep\.step: .*got nothing/],
    [["eval", "eval_fire", "--step", "query_ivf", "--partition", "foo"], /^--partition: .*expected "10_0".*got "foo"/],
    [
      ["eval", "eval_fire", "--set", "evaluation.inference.scales=[1,"],
      /^--set evaluation.inference.scales: "\[1," is no value: /,
    ],
    [["eval", "eval_fire", "--set", "evaluation.inference.scales=[100]"], /scales\.0: expected at most 64, got 100/],
    [["eval", "eval_fire", "--set", "evaluation.inference.scales=[1e-9]"], /scales\.0: expected at least 0\.015625/],
    [["eval", "eval_fire", "--set", "evaluation.inference.image_size=1e9"], /^--set: .*expected at most 1000000/],
    [["eval", "eval_fire", "--set", "__proto__.x=1"], /^--set: __proto__: unknown key/],
    [["train", "train_how_r18", "--loss-margin", "abc"], /'--loss-margin <x>' argument 'abc'.*a number above 0/],
    [["train", "train_how_r18", "-lm=0"], /'--loss-margin <x>' argument '0'/],
    [["train", "train_fire", "--skip-layer", "9"], /from 0 to 3/],
    [["init", "x.jpg", "-o", "z.pth", "--smoothing", "2"], /an odd number/],
    [["init", "x.jpg", "-o", "z.onnx"], /^z\.onnx: expected a checkpoint's ending/],
    [["data", "render", "-o", "z", "-j", "100000"], /from 1 to 256/],
  ];
  for (const [args, expected] of cases) assert.match(await refused(...args), expected, args.join(" "));
});

test("no option's value is lost: 0 stays 0, and no parser can give what commander takes for no value", async () => {
  const needed: Record<string, string[]> = {
    eval: ["c"],
    extract: ["x", "-m", "m", "-o", "o"],
    train: ["c"],
    init: ["x", "-o", "o"],
    inspect: ["x"],
    convert: ["x", "y"],
    "data render": ["-o", "o"],
  };
  const all = (command: Command, path: string): [string, Command][] =>
    command.commands.length === 0
      ? [[path, command]]
      : command.commands.flatMap((c) => all(c, `${path} ${c.name()}`.trim()));
  let zeros = 0;
  for (const [path, command] of all(buildProgram(), ""))
    for (const option of command.options.filter((o) => o.required))
      for (const text of ["0", "all", "null", "none", "~"]) {
        const parsed = await optionsOf(path, ...(needed[path] ?? []), option.long!, text).catch(() => null);
        const value = parsed?.[option.attributeName()];
        assert.ok(
          parsed === null || (value !== "" && value !== true && value !== undefined),
          `${path} ${option.long} ${text}`,
        );
        if (value === 0) zeros++;
      }
  assert.ok(zeros >= 8, `${zeros} options take 0`);
  assert.is((await optionsOf("train", "c", "--epochs", "0")).epochs, 0);
  assert.is((await optionsOf("train", "c", "-lm", "0.5").catch(() => ({ lossMargin: -1 }))).lossMargin, -1);
  assert.is((await optionsOf("eval", "c", "--no-tune")).tune, false);
});

test("the help of every command has examples and exit codes, fits a screen, and JSON is offered where results are printed", () => {
  const leaves = (command: Command): Command[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
  const all = leaves(buildProgram());
  assert.ok(all.length >= 12);
  for (const command of all) {
    let text = "";
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    const name = command.name();
    assert.match(text, /\nExamples:\n {2}fire-gpu /, name);
    assert.match(text, /\nExit codes: 0 done/, name);
    assert.match(text, /\n {2}--json /, name);
    assert.ok(text.split("\n").length <= 50, `${name}: ${text.split("\n").length} lines`);
  }
});

const demo = join(packageRoot(), "models/demo.safetensors");

function metadataOf(file: string): Record<string, string> {
  return { ...Safetensors.open(file).metadata };
}

/** Runs the program itself. */
function run(...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: "utf8" });
  return { status, stderr };
}

test.before(async () => {
  const grey = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => (i * 37 + (i >> 5) * 11) % 256);
  for (const name of ["photo.jpg", "other.jpg"])
    writeFileSync(
      join(folder, name),
      await encodeJpeg({ width: 64, height: 48, data: grey.map((v) => (name === "photo.jpg" ? v : 255 - v)) }, 95),
    );
});

test("--features-num all means all: extract, eval and init, through the command line", () => {
  const out = join(folder, "f.safetensors");
  const extracted = run("extract", "photo.jpg", "-m", demo, "-o", out, "--scales", "1", "--features-num", "all");
  assert.is(extracted.status, 0, extracted.stderr);
  assert.is(JSON.parse(metadataOf(out).inference).featuresNum, null);

  const evaluated = run("eval", "eval_fire", "-ml", "nowhere.pth", "--exp-folder", "exp", "--features-num", "all");
  assert.is(evaluated.status, 4, evaluated.stderr);
  assert.match(readFileSync(join(folder, "exp/eval_fire/eval_params.yml"), "utf8"), /features_num: null/);

  const small = ["--architecture", "resnet18", "--skip-layer", "3", "--dim", "4", "--image-size", "64"];
  const made = run("init", "photo.jpg", "other.jpg", "-o", "start.safetensors", ...small, "--features-num", "all");
  assert.is(made.status, 0, made.stderr);
  assert.match(JSON.stringify(metadataOf(join(folder, "start.safetensors"))), /features_num\W+null/);
});

test.run();
