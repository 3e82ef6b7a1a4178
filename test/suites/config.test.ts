/** @file Configuration: templates, defaults, overrides, and what a user reads when a file is wrong. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { asmkParameters, parseSize } from "../../asmk/parameters.js";
import { UsageError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { findConfig } from "../../tasks/config/find.js";
import { tellIgnored } from "../../tasks/config/ignored.js";
import { loadEvalConfig, loadTrainConfig } from "../../tasks/config/load.js";
import { parseSet } from "../../tasks/config/override.js";
import { overlay, readExpanded } from "../../tasks/config/template.js";
import { parseYaml, writeYaml } from "../../tasks/config/yaml.js";

const test = suite("config");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-config-"));
test.after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** The one line a user reads when `run` fails. */
function complaint(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.instance(error, UsageError);
    assert.is((error as UsageError).exitCode, 2);
    assert.not.match((error as UsageError).message, /\n/);
    return (error as UsageError).message;
  }
  return assert.unreachable("expected an error") as never;
}

const fire = (...sets: string[]) => loadEvalConfig("eval_fire", sets.map(parseSet)).params;

test("numbers are read as the reference's files mean them, single letters stay text", () => {
  assert.equal(parseYaml("a: 1e-4\nb: 1.e-4\nc: 3.e-5\nN: 256\ny: no\nd: 64k\ne: ~", "x"), {
    a: 1e-4,
    b: 1e-4,
    c: 3e-5,
    N: 256,
    y: false,
    d: "64k",
    e: null,
  });
});

test("a YAML file that is not plain data is refused in one line", () => {
  assert.match(
    complaint(() => parseYaml("a: !!python/object:os.system x", "f.yml")),
    /^f\.yml: .*Unresolved tag/,
  );
  assert.match(
    complaint(() => parseYaml("a: [1", "f.yml")),
    /^f\.yml: /,
  );
  assert.match(
    complaint(() => readExpanded(write("twice.yml", "a: 1\na: 2"))),
    /twice\.yml:2:1: the key a a second time$/,
  );
  assert.match(
    complaint(() => readExpanded(write("list.yml", "- 1"))),
    /expected a mapping of keys, got a list/,
  );
});

test("aliases that multiply, contain themselves or name nothing are refused with their place, and soon", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (const [i, name] of [..."bcdefgh"].entries())
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${"abcdefgh"[i]}`)}]`);
  const refused: Record<string, RegExp> = {
    [bomb.join("\n")]: /f\.yml:6:7: more than 100000 values once aliases are written out/,
    "a: &a [*a]": /f\.yml:1:8: \*a stands inside what it names/,
    "&a\nb: 1\nc:\n  d: [*a]": /f\.yml:4:7: \*a stands inside what it names/,
    "a: *nope": /f\.yml:1:4: \*nope names nothing before it/,
    "? [a, b]\n: 1": /f\.yml:1:\d+: a key that is no text/,
    "a: &a {b: 1}\n*a : 2": /f\.yml:2:\d+: a key that is no text/,
    "a:\n  <<: *b": /f\.yml:2:7: \*b names nothing before it/,
    [`a: ${"[".repeat(200)}${"]".repeat(200)}`]: /nested deeper than 100/,
    [`a: ${"[".repeat(20_000)}`]: /f\.yml:/,
    [`a: ${"x".repeat(2 ** 20)}`]: /at most 1048576 characters/,
    "a: !!binary aGVsbG8=": /Unresolved tag/,
    "a: !!set {x, y}": /Unresolved tag/,
  };
  for (const [text, why] of Object.entries(refused))
    assert.match(
      complaint(() => readExpanded(write("f.yml", text))),
      why,
      text.slice(0, 40),
    );
  const begin = process.cpuUsage();
  parseYaml(Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join("\n"), "f.yml");
  assert.ok(process.cpuUsage(begin).user < 2e6, "keys are not compared each with each");
  const merged = parseYaml("a: &a {b: 1, c: 2}\nd:\n  <<: *a\n  c: 3\ne: [*a, *a]\nf: 2020-01-02", "f.yml");
  const a = { b: 1, c: 2 };
  assert.equal(merged, { a, d: { b: 1, c: 3 }, e: [a, a], f: "2020-01-02" });
});

test("templates that name two templates each are refused before there are a thousand files", () => {
  for (let i = 0; i < 12; i++) {
    const name = `__template__: twice${i + 1}.yml`;
    write(`twice${i}.yml`, i < 11 ? `a: {${name}}\nb: {${name}}` : "c: 1");
  }
  assert.match(
    complaint(() => readExpanded(write("twice.yml", "__template__: twice0.yml"))),
    /more than 100 templates/,
  );
});

test("an overlay merges mappings and replaces everything else", () => {
  const base = { a: { b: 1, c: [1, 2] }, d: 4 };
  assert.equal(overlay(base, { a: { c: [3] }, d: null, e: 5 }), { a: { b: 1, c: [3] }, d: null, e: 5 });
  assert.equal(overlay(base, { a: null }), { a: null, d: 4 });
  assert.equal(overlay(base, { a: {} }), base);
});

test("templates nest, lie beside the file that names them, and are overlaid inside-out", () => {
  write("deep/leaf.yml", "x: 1\ny: {p: 1, q: 2}\nz: [1, 2]");
  write("deep/middle.yml", "__template__: leaf.yml\ny: {q: 3}\nasmk: {__template__: leaf.yml, x: 5}");
  const file = write("top.yml", "__template__: deep/middle.yml\nz: null\nasmk: {y: {p: 9}}");
  assert.equal(readExpanded(file), {
    x: 1,
    y: { p: 1, q: 3 },
    z: null,
    asmk: { x: 5, y: { p: 9, q: 2 }, z: [1, 2] },
  });
});

test("a template that is missing, circular or not a name is an error that names the file", () => {
  assert.match(
    complaint(() => readExpanded(write("m.yml", "__template__: nowhere.yml"))),
    /m\.yml: .*nowhere\.yml/,
  );
  assert.match(
    complaint(() => readExpanded(write("n.yml", "a: {__template__: 3}"))),
    /expected a file name, got 3/,
  );
  write("c2.yml", "__template__: c1.yml");
  assert.match(
    complaint(() => readExpanded(write("c1.yml", "__template__: c2.yml"))),
    /includes itself/,
  );
});

test("a copied file still finds the bundled template", () => {
  const file = write("mine.yml", "evaluation: {local_descriptor: {asmk: {__template__: _asmk_how_fire.yml}}}");
  assert.equal(loadEvalConfig(file).params, loadEvalConfig("eval_fire").params);
});

test("a path that exists wins over the bundled file of that name", () => {
  assert.is(findConfig("eval_fire"), join(packageRoot(), "configs", "eval_fire.yml"));
  assert.is(findConfig("eval_fire.yml"), join(packageRoot(), "configs", "eval_fire.yml"));
  const own = write("eval_fire.yml", "{}");
  assert.is(findConfig(own), own);
  assert.is(findConfig(own.replace(".yml", "")), own);
  assert.match(
    complaint(() => findConfig("nothing_like_it")),
    /bundled: eval_fire, .*train_how_r50-$/,
  );
});

test("every bundled file is complete and carries the published values", () => {
  for (const name of readdirSync(join(packageRoot(), "configs")).filter((f) => !f.startsWith("_"))) {
    const loaded = name.startsWith("eval") ? loadEvalConfig(name) : loadTrainConfig(name);
    assert.is(loaded.experiment, name.replace(".yml", ""));
  }
  const how = loadEvalConfig("eval_how_r50-_2000").params;
  assert.is(how.evaluation.inference.features_num, 2000);
  assert.match(how.demo_eval.net_path, /how_r50-\.pth$/);
  const params = fire();
  assert.equal(params.evaluation.inference.scales.length, 7);
  assert.is(params.evaluation.local_descriptor.codebook_training.images, 20000);
  assert.is(params.evaluation.local_descriptor.codebook_training.dataset, "train");
  assert.is(parseSize(params.evaluation.local_descriptor.asmk.train_codebook.codebook.size), 65536);
  assert.is(params.evaluation.local_descriptor.asmk.query_ivf.quantize.multiple_assignment, 5);
  assert.is(params.evaluation.multistep, null);
});

test("the defaults are those of the published FIRe files", () => {
  assert.equal(loadEvalConfig(write("empty.yml", "{}")).params, loadEvalConfig("eval_fire").params);
  assert.equal(loadTrainConfig(write("train.yml", "model: {lit: {}}")).params, loadTrainConfig("train_fire").params);
});

test("training files of FIRe and HOW are told apart", () => {
  const { params } = loadTrainConfig("train_how_r18");
  assert.is(params.family, "how");
  assert.is(params.family === "how" && params.how.training.optimizer.lr, 5e-6);
  const other = loadTrainConfig("train_fire").params;
  assert.is(other.family === "fire" && other.fire.model.lit.N, 256);
  assert.match(
    complaint(() => loadTrainConfig("eval_fire")),
    /an evaluation file/,
  );
  assert.match(
    complaint(() => loadEvalConfig("train_fire")),
    /a training file/,
  );
});

test("the command line wins over the file, the file over its template", () => {
  const file = write(
    "p.yml",
    "__template__: eval_fire.yml\nexperiment: mine\nevaluation: {inference: {features_num: 7}}",
  );
  assert.is(loadEvalConfig(file).experiment, "mine");
  assert.is(loadEvalConfig(file).params.evaluation.inference.features_num, 7);
  assert.is(loadEvalConfig(file).params.evaluation.inference.image_size, 1024);
  const over = [parseSet("evaluation.inference.features_num=null"), parseSet("experiment=cli")];
  assert.is(loadEvalConfig(file, over).params.evaluation.inference.features_num, null);
  assert.is(loadEvalConfig(file, over).experiment, "cli");
});

test("an unknown key is refused with the nearest known one, whatever it came from", () => {
  const file = write("u.yml", "evaluation: {inference: {image_sise: 3}}");
  assert.match(
    complaint(() => loadEvalConfig(file)),
    /u\.yml:1:26: evaluation\.inference\.image_sise: unknown key; did you mean evaluation\.inference\.image_size\?$/,
  );
  assert.match(
    complaint(() => fire("evaluation.image_size=3")),
    /^--set: .*did you mean evaluation\.inference\.image_size/,
  );
  assert.match(
    complaint(() => fire("evaluation.qqqqqqqqqqqq=3")),
    /known here: inference, global_descriptor/,
  );
  assert.match(
    complaint(() => fire("evaluation.local_descriptor.datasets=[{name: a, imags: b}]")),
    /did you mean evaluation\.local_descriptor\.datasets\.images\?/,
  );
});

test("an error of a file names its line, that of its template's where the key stands there, or the option that set it", () => {
  const beside = write("line-template.yml", "train_codebook:\n  codebook:\n    size: '64'\n");
  const file = write(
    "line.yml",
    "evaluation:\n  inference: {scales: [1, x]}\n  local_descriptor:\n    asmk: {__template__: line-template.yml}\n",
  );
  assert.match(
    complaint(() => loadEvalConfig(file)),
    /line\.yml:2:27: evaluation\.inference\.scales\.1: expected a number, got "x"$/,
  );
  const sets = ["evaluation.inference.scales=[1]"].map(parseSet);
  assert.is(complaint(() => loadEvalConfig(file, sets)).split(": ")[0], `${beside}:3:5`);
  const size = parseSet("evaluation.local_descriptor.asmk.train_codebook.codebook.size=64q");
  assert.match(
    complaint(() => loadEvalConfig(file, [...sets, size])),
    /^--set: evaluation\.local_descriptor\.asmk\.train_codebook\.codebook\.size: .*got "64q"$/,
  );
  assert.match(
    complaint(() => loadEvalConfig(write("cut.yml", "a: 1\nb: [1"))),
    /cut\.yml:2:6: Flow sequence/,
  );
  assert.match(
    complaint(() =>
      loadTrainConfig(write("how.yml", "training: {loss: {}}\nmodel: {architecture: resnet18, skip_layer: 0}")),
    ),
    /how\.yml:1:1: training\.optimizer: expected a mapping, got nothing$/,
  );
});

test("a key of the original programs that has no effect is named", () => {
  const lines: string[] = [];
  const progress = { warn: (line: string) => lines.push(line) };
  const asmk = (...sets: string[]) => fire(...sets).evaluation.local_descriptor.asmk;
  tellIgnored(progress, asmk(), "asmk");
  assert.equal(lines, []);
  tellIgnored(progress, asmk("evaluation.local_descriptor.asmk.index.gpu_id=1"), "asmk");
  assert.match(lines.join(), /^asmk\.index\.gpu_id: 1 has no effect/);
});

test("short names of the original programs lead to the bundled files", () => {
  for (const name of ["eccv20.how_r18_1000", "how_r18_1000", "eval_how_r18_1000", "eval_how_r18_1000.yml"])
    assert.is(findConfig(name), join(packageRoot(), "configs", "eval_how_r18_1000.yml"), name);
  for (const name of ["eccv20.how_r50-", "how_r50-", "train_how_r50-.yml"])
    assert.is(findConfig(name, "train"), join(packageRoot(), "configs", "train_how_r50-.yml"), name);
  assert.match(
    complaint(() => findConfig("params/eccv20/eval_how_r50-_1000.yml")),
    /no such file or bundled configuration; did you mean eval_how_r50-_1000\?$/,
  );
  assert.match(
    complaint(() => findConfig(folder)),
    /a folder, expected a YAML file such as .*\.yml$/,
  );
  write("mine/evaluation.yml", "{}");
  assert.match(
    complaint(() => findConfig(join(folder, "mine/evalution.yml"))),
    /did you mean .*mine\/evaluation\.yml\?$/,
  );
});

test("a value of the wrong kind is refused with what was expected and what was given", () => {
  const wrong: [string, RegExp][] = [
    ["evaluation.inference.image_size=abc", /expected a number, got "abc"/],
    ["evaluation.inference.image_size=1.5", /expected a whole number, got 1\.5/],
    ["evaluation.inference.features_num=0", /expected at least 1, or null for all, got 0/],
    ["evaluation.inference.scales=[]", /expected at least one scale/],
    ["evaluation.inference.scales=[1, x]", /scales\.1: expected a number, got "x"/],
    ["evaluation.inference=3", /expected a mapping, got 3/],
    ["evaluation.local_descriptor.datasets=[3]", /expected text or a mapping, got 3/],
    ["evaluation.local_descriptor.datasets=[{name: a}]", /expected either images or gnd/],
    ["evaluation.local_descriptor.datasets=[{name: a, images: b, image_root: c}]", /expected either images or gnd/],
    ["evaluation.local_descriptor.datasets=[{name: a, images: 3}]", /datasets\.0\.images: expected text, got 3/],
    [
      "evaluation.local_descriptor.datasets=[{name: a, image_root: b, database_list: 7}]",
      /database_list: expected .*got 7/,
    ],
    ["evaluation.local_descriptor.asmk.train_codebook.codebook.size='64'", /"64k" or "1M", got "64"/],
    [
      "evaluation.local_descriptor.asmk.query_ivf.similarity.similarity_threshold=2",
      /similarity_threshold: .*<=1, got 2/,
    ],
    ["evaluation.multistep.step=nothing", /train_codebook or .*got "nothing"/],
    ["evaluation.multistep={step: build_ivf, partition: 10_0}", /10_0" \(in quotes.*got 100/],
  ];
  for (const [set, expected] of wrong)
    assert.match(
      complaint(() => fire(set)),
      expected,
      set,
    );
  const negative = "evaluation.local_descriptor.asmk.query_ivf.similarity={similarity_threshold: -0.5, alpha: 2.5}";
  assert.match(
    complaint(() => fire(negative)),
    /whole alpha/,
  );
  assert.match(
    complaint(() => parseSet("novalue")),
    /expected key\.path=value/,
  );
});

test("the forms of a value that the original files use are understood", () => {
  const bin = fire("evaluation.local_descriptor.asmk.build_ivf.kernel.binary=nobin");
  assert.is(asmkParameters(bin.evaluation.local_descriptor.asmk).binary, false);
  const step = fire('evaluation.multistep={step: query_ivf, partition: "10_3"}').evaluation.multistep;
  assert.equal(step, { step: "query_ivf", partition: [10, 3], distractors: null });
  assert.is(fire("evaluation.multistep=False").evaluation.multistep, null);
  const sets = "evaluation.local_descriptor.datasets=[roxford5k, /d/x.pkl, {name: r, image_root: i, database_list: l}]";
  assert.is(fire(sets).evaluation.local_descriptor.datasets.length, 3);
});

test("saved parameters can be loaded again and are the same", () => {
  const { params } = loadEvalConfig("eval_how_r50-_1000", [parseSet("evaluation.inference.scales=[1, 0.25]")]);
  const text = writeYaml(params);
  assert.match(text, /scales: \[1, 0\.25\]/);
  assert.equal(loadEvalConfig(write("eval_params.yml", text)).params, params);
});

test.run();
