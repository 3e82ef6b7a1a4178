/** @file What a user names for writing: checked before the work, and nothing of others is ever replaced. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FireGpuError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { parseSet } from "../../tasks/config/override.js";
import { runEvaluation } from "../../tasks/evaluate/run.js";
import { type ExtractOptions, extract } from "../../tasks/extract.js";
import { claimExperiment, claimOutput, isOwnPage, type OutputFile } from "../../tasks/outputs.js";
import { silent } from "../../tasks/progress.js";
import { collectReport, reportHead, writeReport } from "../../tasks/report/write.js";
import { toyTools, writeToyData } from "../support/toy-evaluation.js";

const test = suite("outputs");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-outputs-"));
test.after(() => rmSync(root, { recursive: true }));
let made = 0;
function fresh(): string {
  const folder = join(root, `case${made++}`);
  mkdirSync(folder);
  return folder;
}

const refused = (code: string, pattern: RegExp) => (e: unknown) => {
  if (e instanceof FireGpuError && e.code === code && pattern.test(e.message)) return true;
  throw e;
};

test("a name that cannot be an output is refused with the option's name, and what to do", () => {
  const folder = fresh();
  const claim = (file: string, more: Partial<OutputFile> = {}) => claimOutput({ option: "--out", file, ...more });
  writeFileSync(join(folder, "mine"), "precious");
  mkdirSync(join(folder, "sub"));
  const cases: [file: string, code: string, pattern: RegExp][] = [
    ["", "EmptyName", /^--out: expected the name of a file/],
    [" ", "EmptyName", /^--out/],
    [join(folder, "sub"), "IsFolder", /sub: expected the name of a file, got a folder/],
    [`${join(folder, "new")}/`, "IsFolder", /got a folder/],
    [".", "IsFolder", /got a folder/],
    ["/dev/null", "NoRegularFile", /got a device/],
    [join(folder, "mine"), "Exists", /mine: exists and was not written by this command; .* --force$/],
    [join(folder, "mine", "below"), "CannotWrite", /a part of the path is a file/],
    [join(folder, "x".repeat(300)), "CannotWrite", /name is too long/],
    ["/proc/none/file", "CannotWrite", /cannot be made/],
  ];
  for (const [file, code, pattern] of cases)
    for (const force of code === "Exists" ? [false] : [false, true])
      assert.throws(() => claim(file, { force }), refused(code, pattern), `${file} ${force}`);
  execFileSync("mkfifo", [join(folder, "fifo")]);
  assert.throws(() => claim(join(folder, "fifo"), { force: true }), refused("NoRegularFile", /FIFO/));
  claim(join(folder, "mine"), { force: true });
  claim(join(folder, "mine"), { isOwn: () => true });
  claim(join(folder, "new", "er", "file"));
  assert.is(readFileSync(join(folder, "mine"), "utf8"), "precious", "claiming writes nothing");
  assert.equal(readdirSync(join(folder, "new", "er")), []);
});

test("an input is never an output, whatever leads to it, not even with --force", () => {
  const folder = fresh();
  const input = join(folder, "input");
  writeFileSync(input, "precious");
  linkSync(input, join(folder, "hard"));
  symlinkSync(input, join(folder, "soft"));
  symlinkSync(folder, join(folder, "loop"));
  for (const name of ["input", "hard", "soft", "loop/input", "./loop/loop/hard"])
    for (const force of [false, true]) {
      const file = `${folder}/${name}`;
      const claim = () => claimOutput({ option: "--out", file, force, inputs: ["nowhere", input] });
      assert.throws(claim, refused("SameFile", /would replace .*input, which is an input/));
      const late = () => claimOutput({ option: "--out", file, force: true }).mustDifferFrom([input]);
      assert.throws(late, refused("SameFile", /input/));
    }
  claimOutput({ option: "--out", file: join(folder, "other"), inputs: [input] }).mustDifferFrom([input]);
});

/** Photos, a list and a model of the toy evaluation. */
async function toy() {
  const folder = fresh();
  const config = await writeToyData(folder);
  const photos = join(folder, "photos");
  const model = join(folder, "model.pth");
  const list = join(folder, "list.txt");
  writeFileSync(list, `${join(photos, "scene0_0.png")}\n${join(photos, "scene0_1.png")}\n`);
  let opened = 0;
  const run = (out: string, options: Partial<ExtractOptions> = {}) => {
    const all = { inputs: [list], checkpoint: model, out, global: true, progress: silent, ...options };
    return extract(all, (file) => {
      opened++;
      return toyTools().openModel(file, 0);
    });
  };
  return { folder, config, photos, model, list, run, opened: () => opened };
}

async function failure(work: Promise<unknown>): Promise<FireGpuError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof FireGpuError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

test("extract replaces its own file, and before any work refuses photos, lists, the model and files of others", async () => {
  const { folder, photos, model, list, run, opened } = await toy();
  const other = join(folder, "other.safetensors");
  copyFileSync(model, other);
  const photo = join(photos, "scene0_0.png");
  const link = join(folder, "link.safetensors");
  linkSync(photo, link);
  const all = [photo, list, model, other, link, join(photos, "scene2_1.png")];
  const before = all.map((file) => readFileSync(file));
  for (const [file, force, code] of [
    [photo, false, "Exists"],
    [photo, true, "SameFile"],
    [link, true, "SameFile"],
    [list, true, "SameFile"],
    [model, true, "SameFile"],
    [other, false, "Exists"],
    [join(photos, "scene2_1.png"), false, "Exists"],
    [photos, true, "IsFolder"],
    ["", false, "EmptyName"],
  ] as const)
    assert.is((await failure(run(file, { force }))).code, code, `${file} ${force}`);
  assert.is(opened(), 0, "refused before the model is opened");
  assert.equal(
    all.map((file) => readFileSync(file)),
    before,
  );
  const out = join(folder, "out.safetensors");
  for (const global of [true, true, false]) await run(out, { global });
  await run(other, { force: true });
  assert.equal(
    readdirSync(folder).filter((name) => name.includes(".partial") || name.endsWith(".tmp")),
    [],
  );
});

test("extract leaves a .partial folder of others, and what others put into its own", async () => {
  const { folder, run, opened } = await toy();
  const out = join(folder, "out.safetensors");
  for (const make of [
    (partial: string) => mkdirSync(join(partial, "thesis"), { recursive: true }),
    (partial: string) => mkdirSync(join(partial, "features-of-mine"), { recursive: true }),
    (partial: string) => writeFileSync(partial, "precious"),
    (partial: string) => symlinkSync(folder, partial),
  ]) {
    make(`${out}.partial`);
    const error = await failure(run(out));
    assert.is(error.code, "NotOurs");
    assert.match(error.message, /out\.safetensors\.partial: .*another --out, or move it away/);
    assert.ok(existsSync(`${out}.partial`));
    rmSync(`${out}.partial`, { recursive: true });
  }
  assert.is(opened(), 0);
  // unfinished work of other options, with a note of the user in it
  const begun = join(`${out}.partial`, "features-0123456789");
  mkdirSync(begun, { recursive: true });
  writeFileSync(join(begun, "000000.shard"), "x");
  writeFileSync(join(begun, "note.txt"), "precious");
  await run(out);
  assert.equal(readdirSync(`${out}.partial`), ["features-0123456789"]);
  assert.equal(readdirSync(begun), ["note.txt"]);
});

test("an experiment's folder with files of others is refused before the work; its own is used again", async () => {
  const { folder, config } = await toy();
  const run = (name: string, more: { force?: boolean; onResult?: () => void } = {}) =>
    runEvaluation(
      { config, overrides: [parseSet(`experiment=${name}`)], progress: silent, ...more },
      { ...toyTools(), openModel: (file, gpu) => toyTools().openModel(file, gpu) },
    );
  const experiment = (name: string) => join(folder, "experiments", name);
  for (const name of ["results.json", "toy_queries.pkl", "eval_params.yml", "epochs/model_best.pth"]) {
    const file = join(experiment("theirs"), name);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, "precious");
    const error = await failure(run("theirs"));
    assert.is(error.code, "Exists");
    assert.match(error.message, new RegExp(`theirs: ${name} is there and .* --force$`));
    assert.is(readFileSync(file, "utf8"), "precious");
    assert.not.ok(existsSync(join(experiment("theirs"), "eval.log")), "before anything is written");
    rmSync(file);
  }
  writeFileSync(join(experiment("theirs"), "results.json"), "precious");
  let told = false;
  await run("theirs", {
    force: true,
    onResult: () => {
      told = true;
      assert.is(readFileSync(join(experiment("theirs"), "results.json"), "utf8"), "precious");
    },
  });
  assert.ok(told, "the result is told before its file is written");
  assert.match(readFileSync(join(experiment("theirs"), "results.json"), "utf8"), /"experiment": "theirs"/);
  await run("theirs");
  // one of an older version is known by its log
  writeFileSync(join(experiment("theirs"), "eval_params.yml"), "experiment: theirs\n");
  claimExperiment(experiment("theirs"));
  assert.throws(() => claimExperiment(config), refused("NoFolder", /expected a folder/));
});

test("a page of rankings is known again; inputs of the evaluation are none", async () => {
  const { folder, config } = await toy();
  const html = join(folder, "page.html");
  const claim = (file: string, force?: boolean) => claimOutput({ option: "--html", file, isOwn: isOwnPage, force });
  const run = (file: string, force?: boolean) => {
    const { sections, onRanked } = collectReport({ top: 2, queries: 2 });
    const options = { config, overrides: [parseSet("experiment=page")], progress: silent, onRanked };
    return runEvaluation({ ...options, outputs: [claim(file, force)] }, toyTools()).then((result) =>
      writeReport(file, reportHead(result), sections),
    );
  };
  await run(html);
  await run(html);
  writeFileSync(html, "<html>precious</html>");
  assert.throws(() => claim(html), refused("Exists", /--force/));
  for (const input of [
    config,
    join(folder, "model.pth"),
    join(folder, "gnd.json"),
    join(folder, "photos/scene0_0.png"),
  ])
    assert.is((await failure(run(input, true))).code, "SameFile", input);
});

test("the program says so in one line, for every command that writes", () => {
  const folder = fresh();
  writeFileSync(join(folder, "photo.jpg"), "precious");
  mkdirSync(join(folder, "own", "records"), { recursive: true });
  const program = join(packageRoot(), "dist/cli/main.js");
  const cases: [code: number, args: string[], pattern: RegExp][] = [
    [
      2,
      ["extract", "-m", "m.pth", "-o", "photo.jpg", "photo.jpg"],
      /photo\.jpg: would replace photo\.jpg, which is an/,
    ],
    [2, ["eval", "eval_fire", "--html", "."], /--html \.: expected the name of a file, got a folder/],
    [2, ["eval", "eval_fire", "--html", "photo.jpg"], /--html photo\.jpg: exists and .* --force/],
    [2, ["init", "photo.jpg", "-o", "photo.jpg"], /would replace photo\.jpg/],
    [2, ["init", "photo.jpg", "-o", "x.txt"], /\.safetensors or \.pth/],
    [2, ["convert", "nowhere.pth", "photo.jpg"], /convert: TO photo\.jpg: exists .* --force/],
    [2, ["convert", "photo.jpg", "photo.jpg", "--force"], /would replace photo\.jpg/],
    [2, ["data", "render", "-o", "own"], /own.records exists already and was not rendered here/],
    [7, ["data", "render", "-o", "photo.jpg"], /photo\.jpg: cannot be made: a file of that name/],
    [2, ["demo", "-o", "photo.jpg"], /--out photo\.jpg: expected a folder, got a file/],
  ];
  for (const [code, args, pattern] of cases) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.is(status, code, `${args.join(" ")}: ${stderr}`);
    assert.is(stdout, "");
    assert.match(stderr, /^fire-gpu: [^\n]+\n$/);
    assert.match(stderr, pattern);
  }
  assert.is(readFileSync(join(folder, "photo.jpg"), "utf8"), "precious");
  assert.equal(readdirSync(folder).sort(), ["own", "photo.jpg"]);
});

test.run();
