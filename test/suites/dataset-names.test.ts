/** @file One name, one data set: what an experiment refuses to overwrite; and the command that fetches what is missing. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FireGpuError, MissingDataError, UsageError } from "../../base/errors.js";
import { shellWord } from "../../base/shell.js";
import { type DatasetSpec, loadDataset } from "../../data/datasets/load.js";
import { loadTrainingSet } from "../../data/datasets/training.js";
import { parseSet } from "../../tasks/config/override.js";
import { claimNames } from "../../tasks/evaluate/dataset-names.js";
import { runEvaluation } from "../../tasks/evaluate/run.js";
import type { Session } from "../../tasks/evaluate/session.js";
import { silent } from "../../tasks/progress.js";
import { openTrainingSet } from "../../tasks/train/training-set.js";
import { toyTools, writeToyData } from "../support/toy-evaluation.js";

const test = suite("dataset-names");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-dataset names-"));
test.after(() => rmSync(root, { recursive: true }));

let made = 0;
/** An experiment that names are claimed in; `place` is its folder. */
function experiment(place = join(root, `e${made++}`, "experiments", "x")) {
  mkdirSync(place, { recursive: true });
  const notes: string[] = [];
  const claim = (lists: DatasetSpec[][], multistep: object | null = null) =>
    claimNames(
      {
        folder: place,
        log: { note: (line: string) => notes.push(line), warn: (line: string) => notes.push(`warning: ${line}`) },
        params: { demo_eval: { data_folder: join(root, "data") }, evaluation: { multistep } },
      } as unknown as Session,
      lists,
    );
  return { place, claim, notes };
}

const photos = (name: string) => {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  return folder;
};

test("in one evaluation a name stands for one data set", () => {
  const { claim } = experiment();
  const [a, b] = [photos("a"), photos("b")];
  const refused: DatasetSpec[][][] = [
    [
      [
        { name: "toy", images: a },
        { name: "toy", images: b },
      ],
    ],
    [[{ name: "toy", images: a }], [{ name: "toy", images: b }]],
    [
      [
        { name: "toy", images: a },
        { name: "Toy", images: b },
      ],
    ],
    [
      [
        { name: "caf\u00e9", images: a },
        { name: "cafe\u0301", images: b },
      ],
    ],
    [["/x/north/tower.pkl", "/x/south/tower.pkl"]],
    [["/x/tower.pkl", { name: "tower", images: a }]],
    [["roxford5k", "roxford5k"]],
    [["roxford5k"], [{ name: "roxford5k", images: a }]],
  ];
  for (const lists of refused) assert.throws(() => claim(lists), /two data sets are called/, JSON.stringify(lists));
  for (const path of [`/x/${"n".repeat(120)}.pkl`, "/x/a:b.pkl"])
    assert.throws(() => claim([[path]]), /expected a name/);
  claim([[{ name: "toy", images: a }, "roxford5k"], [{ name: "toy", images: a }]]);
});

test("in one experiment a name keeps its data set, wherever the experiment is copied to", () => {
  const { claim, notes, place } = experiment();
  const own = join(dirname(dirname(place)), "own");
  mkdirSync(own);
  claim([[{ name: "toy", images: own, gnd: join(own, "gnd.json") }]]);
  claim([[{ name: "toy", images: own }]]);
  for (const other of [
    { name: "toy", images: own, gnd: "/other.json" },
    { name: "TOY", images: photos("c") },
    "/x/toy.pkl",
  ])
    assert.throws(() => claim([[other]]), /is another data set here \(.*whose results .* would overwrite/);
  assert.equal(notes, []);
  // Copied with its data: the same names mean the same data, where they are now.
  const copy = join(root, "copy");
  cpSync(dirname(dirname(place)), copy, { recursive: true });
  const there = experiment(join(copy, relative(dirname(dirname(place)), place)));
  there.claim([[{ name: "toy", images: join(copy, "own"), gnd: join(copy, "own/gnd.json") }]]);
  // Data that are gone have no results worth keeping.
  rmSync(own, { recursive: true });
  claim([[{ name: "toy", images: photos("c") }]]);
  assert.match(notes.join(), /toy: was another data set in this experiment .* which is gone/);
  writeFileSync(join(place, "datasets.json"), "{");
  claim([[{ name: "toy", images: photos("a") }]]);
  assert.ok(JSON.parse(readFileSync(join(place, "datasets.json"), "utf8")).toy);
});

test("an index with distractors has a name of its own, which no data set may have", () => {
  const { claim } = experiment();
  const step = { step: "query_ivf", distractors: "d" };
  claim([[], [{ name: "toy", images: photos("a") }]], step);
  assert.throws(() => claim([[], [{ name: "d_toy", images: photos("b") }]]), /d_toy is another data set here/);
  assert.throws(
    () => claim([[], ["/x/north/tower.pkl"]], { step: "query_ivf", distractors: "/x/south/tower.pkl" }),
    /two data sets are called tower/,
  );
});

test("two sets of one name are refused before anything is computed, and what is there stays", async () => {
  const folder = join(root, "toy");
  const config = await writeToyData(folder);
  const sets = (name: string, images: string) => [
    parseSet(`evaluation.local_descriptor.datasets=[{name: ${name}, images: ${images}, gnd: gnd.json}]`),
  ];
  const run = async (overrides: ReturnType<typeof sets>) => {
    const tools = toyTools();
    const result = await runEvaluation({ config, overrides, progress: silent }, tools).catch((e) => e as FireGpuError);
    return { result, calls: tools.networks[0]?.calls ?? 0 };
  };
  const before = await run([]);
  assert.not.instance(before.result, FireGpuError, String(before.result));
  const saved = readFileSync(join(folder, "experiments/toy/toy_queries.pkl"));
  cpSync(join(folder, "photos"), join(folder, "others"), { recursive: true });
  const second = await run(sets("Toy", "others"));
  assert.instance(second.result, UsageError);
  assert.is(second.calls, 0);
  assert.equal(readFileSync(join(folder, "experiments/toy/toy_queries.pkl")), saved);
});

test("the command that gets missing data puts them where they were looked for", async () => {
  assert.is(shellWord("how_data/x"), "how_data/x");
  assert.is(shellWord("it's here"), process.platform === "win32" ? '"it\'s here"' : "'it'\\''s here'");
  const data = join(root, "how data");
  const folder = `--data-folder ${shellWord(data)}`;
  const say = async (work: () => unknown) => {
    try {
      await work();
    } catch (e) {
      assert.instance(e, MissingDataError, String(e));
      return (e as Error).message;
    }
    return assert.unreachable() as never;
  };
  for (const name of ["roxford5k", "oxford5k", "train", "val_eccv20", "revisitop1m"]) {
    const message = await say(() => loadDataset(name, { root: data }));
    assert.ok(message.endsWith(`fire-gpu download ${name} ${folder}`), message);
  }
  for (const [set, name] of [
    ["retrieval-SfM-120k", "train"],
    ["gl18", "gl18"],
  ])
    assert.ok((await say(() => loadTrainingSet(set, { root: data }))).endsWith(`fire-gpu download ${name} ${folder}`));
  // A folder below the current one is told as it would be written here.
  assert.match(await say(() => loadDataset("train", { root: "how_data" })), /--data-folder how_data$/);
  // Photos that are missing while their description is there.
  const sfm = join(data, "train/retrieval-SfM-120k/retrieval-SfM-120k.pkl");
  mkdirSync(dirname(sfm), { recursive: true });
  const split = { cids: ["aaaaaa", "bbbbbb"], cluster: [0, 0], qidxs: [0], pidxs: [1] };
  writeFileSync(sfm, JSON.stringify({ train: split, val: split }));
  const settings = { name: "retrieval-SfM-120k", mode: "train", images: undefined } as never;
  assert.ok(
    (await say(() => openTrainingSet(settings, data, "skip"))).endsWith(
      `get them with: fire-gpu download train ${folder}`,
    ),
  );
  assert.ok((await say(() => loadDataset("train", { root: data }))).endsWith(`download train ${folder}`));
  assert.not.ok(existsSync("how_data"));
});

test.run();
