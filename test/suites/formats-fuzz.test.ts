/**
 * @file Damaged, nonsensical and forged files of every kind, by a seed: each is read, or refused by an error that has a
 * class and an exit code, soon and in one line. `FUZZ=20 node dist/test/suites/formats-fuzz.test.js` tries twenty times as
 * many; `FUZZ_SEED` takes others.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readCodebook, writeCodebook } from "../../asmk/codebook-file.js";
import { encodeDirectory } from "../../asmk/index-layout.js";
import { openIndex, storeIndex } from "../../asmk/open-index.js";
import { readReferenceIndex } from "../../asmk/reference-index-file.js";
import { FireGpuError } from "../../base/errors.js";
import { readLabelTable } from "../../data/datasets/label-table.js";
import { readListFile } from "../../data/datasets/list-file.js";
import { readOwn } from "../../data/datasets/own.js";
import { readTrainingSplit } from "../../data/datasets/sfm.js";
import { readDescription } from "../../data/datasets/values.js";
import { readLandmarkSet } from "../../data/landmarks/read.js";
import { plain, readPickle } from "../../formats/pickle.js";
import { pickleChunks, writePickle } from "../../formats/pickle-write.js";
import { BuildError, NdArray, PyDict, type PyValue } from "../../formats/python.js";
import { readPythonSafetensors, writePythonSafetensors } from "../../formats/python-safetensors.js";
import { memorySource } from "../../formats/source.js";
import { readTorchSource } from "../../formats/torch.js";
import { TorchTensor } from "../../formats/torch-values.js";
import { writeTorch } from "../../formats/torch-write.js";
import { leaveOutUnknown } from "../../formats/unknown-globals.js";
import { openCheckpoint, peekCheckpoint } from "../../nets/weights/checkpoint.js";
import { readExpanded } from "../../tasks/config/template.js";
import { readChunk, writeChunk } from "../../tasks/evaluate/multistep/chunk-file.js";
import { readRanks } from "../../tasks/evaluate/multistep/ranks-file.js";
import { arraysOf, outline } from "../../tasks/outline.js";
import { readState } from "../../tasks/train/state-file.js";
import { forgeIndex, writeSmallIndex } from "../support/forged-index.js";
import { dictOps, fixture, floatViewOps, text, torchArchive, u32 } from "../support/format-files.js";
import { Dice, mutated, mutatedTree, pickleProgram } from "../support/mutations.js";

const test = suite("formats-fuzz");
const times = Number(process.env.FUZZ ?? 1);
const seed = Number(process.env.FUZZ_SEED ?? 1);
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-fuzz-"));
test.after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

/** Reads `count` inputs; `make` gives the input of one dice, `read` may throw errors of the project only. */
async function fuzz<T>(
  count: number,
  make: (dice: Dice) => T | Promise<T>,
  read: (input: T) => unknown,
): Promise<void> {
  let [good, refused] = [0, 0];
  for (let i = 0; i < count * times; i++) {
    const input = await make(new Dice(1000 * seed + i));
    const begin = process.cpuUsage();
    try {
      await read(input);
      good++;
    } catch (e) {
      if (!(e instanceof FireGpuError)) {
        const shown = input instanceof Uint8Array ? Buffer.from(input).toString("base64") : String(input);
        throw new Error(`input ${i} (seed ${seed}): ${(e as Error).stack}\n${shown.slice(0, 4000)}`);
      }
      assert.not.match(e.message, /\n/, `input ${i}: ${e.message}`);
      assert.not.match(e.message, /\[object|NaN bytes/, `input ${i}: ${e.message}`);
      refused++;
    }
    const { user, system } = process.cpuUsage(begin);
    assert.ok(user + system < 2e6, `input ${i} (seed ${seed}): ${(user + system) / 1e6} s`);
  }
  assert.ok(refused > 0, `${good} good and no bad inputs: the damage reaches nothing`);
}

/** A file of these bytes, for readers that want a path. */
function file(name: string, bytes: Uint8Array | string): string {
  writeFileSync(path(name), bytes);
  return path(name);
}

/** What commands do with a value: walk it, show it, write it in another form. */
function use(root: PyValue): void {
  plain(root);
  for (const _ of outline(root)) assert.ok(true);
  for (const _ of arraysOf(root)) assert.ok(true);
  try {
    writePythonSafetensors(path("used.safetensors"), root);
    readPythonSafetensors(path("used.safetensors"));
    leaveOutUnknown(root);
    pickleChunks(root, 4, (v) => (v instanceof TorchTensor ? v.toHost() : undefined));
  } catch (e) {
    // what the writers refuse, `convert` puts into words
    if (!(e instanceof TypeError || e instanceof RangeError || e instanceof BuildError)) throw e;
  }
}

/** Tensors of a torch file too. */
function useTorch(bytes: Uint8Array): void {
  const { root } = readTorchSource(memorySource(bytes, "x.pth"));
  if (root instanceof PyDict) for (const value of root.values()) if (value instanceof TorchTensor) value.toHost();
  use(root);
}

const atoms = [
  "N",
  "\x88",
  "K\x01",
  "K\x02",
  "J\xff\xff\xff\xff",
  "G\x3f\xf8\0\0\0\0\0\0",
  "\x8a\x01\x05",
  "I00\n",
  "L12L\n",
  "F1.5\n",
];
const texts = [
  text("a"),
  "U\x02\xc3\xa9",
  "U\x01\xe9",
  "S'x'\n",
  "V\\u00e9\n",
  "\x8c\x05numpy",
  "C\x04\x01\x02\x03\x04",
  "T\x04\0\0\0abcd",
];
const containers = [
  "]",
  "}",
  ")",
  "(",
  "l",
  "t",
  "d",
  "\x85",
  "\x86",
  "\x87",
  "\x8f",
  "\x91",
  "a",
  "e",
  "s",
  "u",
  "\x90",
  "0",
  "1",
  "2",
];
const memos = ["\x94", "q\0", "q\x01", "h\0", "h\x01", "r\x09\0\0\0", "j\x09\0\0\0", "p3\n", "g3\n"];
const calls = [
  "R",
  "\x81",
  "b",
  "o",
  "\x92",
  "Q",
  "\x93",
  "ccollections\nOrderedDict\n",
  "ccollections\ndefaultdict\n",
  "c__builtin__\nlist\n",
];
const numpy = [
  ...["cnumpy\ndtype\n", "cnumpy.core.multiarray\nscalar\n", "cnumpy.core.numeric\n_frombuffer\n"],
  ...["c_codecs\nencode\n", "cpathlib\nPosixPath\n", "cnumpy\nndarray\n", "cnumpy.core.multiarray\n_reconstruct\n"],
  ...[
    "(U\x02f4K\0K\x01t",
    "(U\x02O8K\0K\x01t",
    `(K\x03U\x01<NNNJ${u32(-1)}J${u32(-1)}K\0t`,
    "(K\0tU\x01b",
    text("latin1"),
  ],
  `cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\x01btR(K\x01(K\x01tcnumpy\ndtype\n(U\x02f4K\0K\x01tR(K\x03U\x01<NNNJ${u32(-1)}J${u32(-1)}K\0tb\x89C\x04abcdtb`,
];
const torch = [
  ...[
    "ctorch._utils\n_rebuild_tensor_v2\n",
    "ctorch._utils\n_rebuild_parameter\n",
    "ctorch\nSize\n",
    "ctorch\nfloat16\n",
  ],
  ...[
    "cmylib\nThing\n",
    "ccopy_reg\n_reconstructor\n",
    "ctorch\ndevice\n",
    "ctorch\nFloatStorage\n",
    "ctorch\nHalfStorage\n",
  ],
  ...[floatViewOps(6, 0, [2, 3], [3, 1]), floatViewOps(6, 1, [2], [0]), floatViewOps(6, 0, [9, 9], [9, 1])],
];
const plainPieces = [atoms, texts, containers, containers, memos, calls, numpy].flat();
const read = (bytes: Uint8Array) => readPickle(bytes, "x.pkl");
const storage = { 0: new Uint8Array(24) };

test("pickles: programs of any pieces, and damaged files", async () => {
  await fuzz(
    1500,
    (dice) => pickleProgram(plainPieces, dice),
    (bytes) => use(read(bytes)),
  );
  const files = ["gnd_roxford5k_arrays_protocol2.pkl", "gnd_roxford5k_protocol4.pkl"].map((n) =>
    readFileSync(fixture(n)),
  );
  await fuzz(
    300,
    (dice) => mutated(dice.of(files), dice),
    (bytes) => use(read(bytes)),
  );
});

test("torch archives: any pickle in a sound archive, and damaged archives", async () => {
  const pieces = [...plainPieces, ...torch, ...torch];
  await fuzz(600, (dice) => torchArchive(pickleProgram(pieces, dice), storage), useTorch);
  const good = Buffer.from(
    `\x80\x02${dictOps({ state_dict: dictOps({ w: floatViewOps(6, 0, [2, 3], [3, 1]) }), args: "cmylib\nThing\n)R" })}.`,
    "latin1",
  );
  await fuzz(400, (dice) => torchArchive(mutated(good, dice), storage), useTorch);
  const zips = ["how_old_checkpoint_zip.pth", "mixed_tensors_zip.pth"].map((n) => readFileSync(fixture(n)));
  await fuzz(250, (dice) => mutated(dice.of(zips), dice), useTorch);
});

test("legacy torch files, which have no checksums", async () => {
  const files = ["how_old_checkpoint_legacy.pth", "mixed_tensors_legacy.pth"].map((n) => readFileSync(fixture(n)));
  await fuzz(400, (dice) => mutated(dice.of(files), dice), useTorch);
});

/** The parts of a safetensors file. */
function partsOf(bytes: Buffer): { header: Record<string, unknown>; data: Buffer } {
  const length = Number(bytes.readBigUInt64LE(0));
  return { header: JSON.parse(bytes.subarray(8, 8 + length).toString()), data: bytes.subarray(8 + length) };
}

function joined(header: unknown, data: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const openAll = (name: string) => {
  peekCheckpoint(name);
  use(openCheckpoint(name).root);
};

test("safetensors: headers and descriptions with other values, and damaged bytes", async () => {
  const { root } = readTorchSource(memorySource(readFileSync(fixture("fire_checkpoint_zip.pth")), "x.pth"));
  writePythonSafetensors(path("base.safetensors"), root);
  const base = readFileSync(path("base.safetensors"));
  const { header, data } = partsOf(base);
  const described = JSON.parse((header.__metadata__ as Record<string, string>)["fire_gpu.root"]);
  const other = (dice: Dice) => {
    const change = dice.below(3);
    if (change === 0) return mutated(base, dice);
    if (change === 1) return joined(mutatedTree(header, dice), data);
    const metadata = {
      ...(header.__metadata__ as object),
      "fire_gpu.root": JSON.stringify(mutatedTree(described, dice)),
    };
    return joined({ ...header, __metadata__: metadata }, data);
  };
  await fuzz(300, other, (bytes) => openAll(file("x.safetensors", bytes)));
});

test("codebooks of both forms", async () => {
  const centroids = Float32Array.from({ length: 12 }, (_, i) => i);
  const codebook = { words: 4, dim: 3, centroids, size: 4 };
  for (const name of ["c.safetensors", "c.pkl"]) writeCodebook(path(name), codebook, { network: "x" });
  const own = readFileSync(path("c.safetensors"));
  const reference = readFileSync(path("c.pkl"));
  const { header, data } = partsOf(own);
  const make = (dice: Dice) =>
    dice.below(3) === 0 ? joined(mutatedTree(header, dice), data) : mutated(dice.of([own, reference]), dice);
  await fuzz(300, make, (bytes) => readCodebook(file("x.codebook", bytes)));
});

test("index files: damaged, or of any numbers with the checksums that belong to them", async () => {
  await writeSmallIndex(path("base.index"));
  const base = readFileSync(path("base.index"));
  const indexOf = async (name: string) => {
    const { index, notes } = await openIndex(name);
    for (let w = 0; w < index.words; w++) await index.entriesOf(w);
    await storeIndex(path("out.pkl"), index, notes);
  };
  await fuzz(100, (dice) => file("x.index", mutated(base, dice)), indexOf);
  const forged = async (dice: Dice) => {
    file("f.index", base);
    const sections = dice.below(2) === 0;
    await forgeIndex(
      path("f.index"),
      ({ bytes }) => {
        if (sections)
          for (const b of bytes.values()) if (dice.below(3) === 0) b.set(mutated(b, dice).subarray(0, b.length));
      },
      (d) => encodeDirectory(sections ? d : (mutatedTree(d, dice) as typeof d)),
    );
    return path("f.index");
  };
  await fuzz(150, forged, indexOf);
  await storeIndex(
    path("base.pkl"),
    (await openIndex(path("base.index"))).index,
    (await openIndex(path("base.index"))).notes,
  );
  const pickled = readFileSync(path("base.pkl"));
  await fuzz(
    300,
    (dice) => mutated(pickled, dice),
    (bytes) => readReferenceIndex(bytes, "x.pkl"),
  );
  const tree = plain(read(pickled)) as { [key: string]: never };
  await fuzz(
    200,
    (dice) => writePickle(mutatedTree(withoutArrays(tree), dice) as never),
    (b) => readReferenceIndex(b, "x.pkl"),
  );
});

/** Arrays as what structuredClone keeps: their lists, which the reader then refuses or takes. */
function withoutArrays(value: unknown): unknown {
  if (value instanceof NdArray) return [...(value.data as Iterable<number | bigint>)].map(Number);
  if (Array.isArray(value)) return value.map(withoutArrays);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withoutArrays(v)]));
}

test("descriptions of data sets, landmark sets, lists and tables", async () => {
  const gnd = {
    imlist: ["a", "b.jpg"],
    qimlist: ["a"],
    gnd: [{ bbx: [1, 2, 30, 40], easy: [0], hard: [1], junk: [] }],
  };
  const split = { cids: ["a", "b", "c"], cluster: [0, 0, 1], qidxs: [0], pidxs: [1], qidx: [0], pidx: [1] };
  for (const name of ["a.jpg", "b.jpg"]) file(name, "x");
  const forms = [(v: unknown) => Buffer.from(JSON.stringify(v)), (v: unknown) => Buffer.from(writePickle(v as never))];
  const tree = (value: unknown) => (dice: Dice) =>
    dice.below(4) === 0 ? mutated(dice.of(forms)(value), dice) : dice.of(forms)(mutatedTree(value, dice));
  const own = (bytes: Uint8Array) => readOwn({ name: "x", gnd: file("gnd.json", bytes) }, folder);
  await fuzz(500, tree(gnd), own);
  const train = (bytes: Uint8Array) => readTrainingSplit(readDescription(file("t.pkl", bytes)), "x", (cids) => cids);
  await fuzz(200, tree(split), train);
  const matrix = [
    [1, 0.5],
    [0.5, 1],
  ];
  const views = [{ image: "images/a.jpg" }, { image: "images/b.jpg" }];
  const landmark = { id: "L0", views, share: matrix, angle: matrix, scale: matrix, light: matrix };
  const set = { parameters: {}, landmarks: [landmark, landmark], distractors: [] };
  const landmarks = (dice: Dice) => Buffer.from(JSON.stringify(mutatedTree(set, dice)));
  await fuzz(
    300,
    (dice) => (dice.below(4) ? landmarks(dice) : mutated(landmarks(dice), dice)),
    (bytes) => {
      file("landmarks.json", bytes);
      readLandmarkSet(folder);
    },
  );
  const lines = Buffer.from('\uFEFFimage,cluster\n"a,1.jpg",x\r\nb.jpg,"y ""z"""\n# c\n\n d.jpg ,x\n');
  await fuzz(
    200,
    (dice) => mutated(dice.of([lines, Buffer.from(lines.toString(), "utf16le")]), dice),
    (bytes) => {
      readListFile(file("list.txt", bytes));
      readLabelTable(path("list.txt"));
    },
  );
});

test("configurations", async () => {
  const yaml = Buffer.from(
    "# x\na: &a [1, 2.5, yes, ~]\nb:\n  <<: {c: 1}\n  d: *a\n  __template__: base.yml\n'e': |\n  text\nf: {g: 1e-4, ? h : i}\n",
  );
  file("base.yml", "d: 1\nq: {r: 2}\n");
  await fuzz(
    400,
    (dice) => mutated(yaml, dice),
    (bytes) => readExpanded(file("x.yml", bytes)),
  );
});

test("what runs keep: the state of a training, chunks, rankings", async () => {
  const about = {
    format: 1,
    settings: { a: 1 },
    epoch: 2,
    phase: "train",
    step: 3,
    seconds: 1.5,
    negativeDistance: null,
    sums: { tuples: 1, steps: 1, loss: 0.5, terms: { x: 1 }, stepSeconds: 1, dataSeconds: 1 },
    history: { trainLoss: [[1, 0.5]], negativeDistance: [], seconds: [], local: { x: [[1, 0.5]] }, global: {} },
  };
  const tensor = { dtype: "F32" as const, shape: [2], data: Float32Array.of(1, 2) };
  const tuples = { dtype: "I32" as const, shape: [2, 3], data: Int32Array.from([0, 1, 2, 3, 4, 5]) };
  const state = {
    state_dict: new Map([["w", tensor]]),
    optimizer_step: 3,
    moments: { w: { exp_avg: tensor } },
    tuples,
  };
  const made = (dice: Dice) => {
    const said =
      dice.below(4) === 0 ? dice.of(["", "null", "{", '"x"', "[]", JSON.stringify(about).slice(0, 60)]) : undefined;
    const other =
      dice.below(4) === 0 ? { [dice.of(Object.keys(state))]: dice.of([null, "x", {}, tensor, { a: 1 }]) } : {};
    writeTorch(path("s.pth"), { about: said ?? JSON.stringify(mutatedTree(about, dice)), ...state, ...other });
    return path("s.pth");
  };
  await fuzz(200, made, (name) => readState(name, { a: 1 }, 10));
  writeTorch(path("s.pth"), { about: JSON.stringify(about), ...state });
  assert.is(readState(path("s.pth"), { a: 1 }, 10)?.state.history.local.x.length, 1);

  const ids = Int32Array.of(0, 1, 2);
  writeChunk(path("c.pkl"), { dim: 5, codes: new Uint32Array(3), words: ids, images: ids });
  const chunk = readFileSync(path("c.pkl"));
  await fuzz(
    200,
    (dice) => mutated(chunk, dice),
    (bytes) => readChunk(file("x.pkl", bytes), 5),
  );
  const ranks = new NdArray("I64", [2, 2], BigInt64Array.of(1n, 0n, 0n, 1n));
  const scores = new NdArray("F64", [2, 2], Float64Array.of(1, 0.5, 1, 0.5));
  const rankings = Buffer.from(writePickle({ metadata: { query_avg_time: 0.5 }, query_ids: [0, 1], ranks, scores }));
  await fuzz(
    200,
    (dice) => mutated(rankings, dice),
    (bytes) => readRanks(file("x.pkl", bytes), 2),
  );
});

test.run();
