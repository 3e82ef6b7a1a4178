/** @file Codebook and index files: round trips, growth, damage, and the reference's pickles. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codebookHash } from "../../asmk/codebook.js";
import { readCodebook, writeCodebook } from "../../asmk/codebook-file.js";
import { type IndexNotes, openDirectory, readIndex, verifyIndex } from "../../asmk/index-file.js";
import { slotPositions } from "../../asmk/index-header.js";
import { ALIGNMENT, sectionsOf } from "../../asmk/index-layout.js";
import { saveIndex } from "../../asmk/index-save.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { openIndex, storeIndex } from "../../asmk/open-index.js";
import { searchIndex } from "../../asmk/search.js";
import { splitByImage } from "../../asmk/word-rows.js";
import { FileFormatError } from "../../base/errors.js";
import { packageRoot } from "../../base/paths.js";
import { Mt19937 } from "../../base/random.js";
import { type PyInput, writePickle } from "../../formats/pickle-write.js";
import { NdArray } from "../../formats/python.js";
import { randomCodebook, randomRows } from "../support/random-rows.js";

const test = suite("asmk-files");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-asmk-"));
test.after(() => rmSync(folder, { recursive: true }));

const WORDS = 24;
const DIM = 40;
const STANDARD = { topk: null, similarityThreshold: 0, alpha: 3 };
const codebook = randomCodebook(WORDS, DIM, 1);
const queries = (binary: boolean) =>
  splitByImage(randomRows(codebook, { images: 3, each: 8, seed: 3, binary, assignment: 2 }));
const notes: IndexNotes = {
  codebook: codebookHash(codebook),
  model: "model",
  names: ["häuser/a.jpg", "b.jpg"],
  properties: { image_size: 1024, done: false },
};

let files = 0;
const fresh = (ending = "idx") => join(folder, `${files++}.${ending}`);

const rowsOf = (first: number, images: number, binary = true) =>
  randomRows(codebook, { images, each: 10, seed: 100 + first, binary, first });

async function build(options: { useIdf?: boolean; binary?: boolean; images?: number; capacity?: number } = {}) {
  const { useIdf = false, binary = true, images = 12, capacity } = options;
  const index = InvertedFile.create({ words: WORDS, dim: DIM, binary, useIdf }, capacity);
  for (let id = 0; id < images; id += 4) await index.add(rowsOf(id, 4, binary));
  return index;
}

/** All that a user of an index can see. */
async function visible(index: InvertedFile) {
  const lists = await Promise.all([...index.counts.keys()].map((w) => index.entriesOf(w)));
  const { imageCount, imidOffset, dim, words, useIdf, binary } = index;
  const rankings = index.isOpen ? [] : await searchIndex(index, queries(binary), STANDARD);
  return {
    ...{ imageCount, imidOffset, dim, words, useIdf, binary },
    lists: lists.map(({ images, codes }) => [[...images], [...codes]]),
    norms: [...index.state().norms],
    idf: [...index.idf],
    rankings: rankings.map((r) => [[...r.ids], [...r.scores]]),
  };
}

/** The failure of reading, by its kind; fails the test when there is none or of another class. */
async function failureOf(action: () => unknown): Promise<FileFormatError> {
  try {
    await action();
  } catch (e) {
    assert.instance(e, FileFormatError, String(e));
    return e as FileFormatError;
  }
  return assert.unreachable("expected a FileFormatError") as never;
}

/** A copy of a file with some bytes changed. */
function damaged(file: string, change: (bytes: Buffer) => Buffer | undefined): string {
  const bytes = readFileSync(file);
  const copy = fresh();
  writeFileSync(copy, change(bytes) ?? bytes);
  return copy;
}

test("a codebook comes back from both forms, with its size as written", () => {
  for (const ending of ["pkl", "safetensors"]) {
    const file = fresh(ending);
    writeCodebook(file, { ...codebook, size: "24k" }, { model: "abc" });
    const got = readCodebook(file);
    assert.equal(got.centroids, codebook.centroids);
    assert.equal([got.words, got.dim, got.size], [WORDS, DIM, "24k"]);
    assert.equal(got.metadata, ending === "pkl" ? {} : { model: "abc" });
  }
});

test("a damaged codebook is refused", async () => {
  const file = fresh("safetensors");
  writeCodebook(file, codebook);
  const flip = damaged(file, (bytes) => {
    bytes[bytes.length - 5] ^= 1;
    return bytes;
  });
  assert.is((await failureOf(() => readCodebook(flip))).kind, "ChecksumMismatch");
  for (const length of [0, 5, 60, 300, statSync(file).size - 1])
    await failureOf(() => readCodebook(damaged(file, (bytes) => bytes.subarray(0, length))));
  const pickled = fresh("pkl");
  const write = (value: PyInput) => writeFileSync(pickled, writePickle(value));
  const centroids = new NdArray("F32", [2, 1], Float32Array.of(1, 2));
  write({ type: "IVF", params: { size: 2 }, state: { centroids } });
  assert.is((await failureOf(() => readCodebook(pickled))).kind, "MalformedFile");
  write({ type: "Codebook", params: { size: 2 }, state: {} });
  assert.is((await failureOf(() => readCodebook(pickled))).kind, "MissingKey");
  write({ type: "Codebook", params: {}, state: { centroids } });
  assert.is((await failureOf(() => readCodebook(pickled))).kind, "MissingKey");
  write({ type: "Codebook", params: { size: 2 }, state: { centroids: new NdArray("F32", [2], centroids.data) } });
  assert.is((await failureOf(() => readCodebook(pickled))).kind, "ShapeMismatch");
  write({
    ...{ type: "Codebook", params: { size: 1 } },
    state: { centroids: new NdArray("F32", [1, 1], Float32Array.of(Number.NaN)) },
  });
  assert.match((await failureOf(() => readCodebook(pickled))).message, /NaN/);
});

test("an index comes back whole: empty, binary, float, with idf, with distractors", async () => {
  const withDistractors = (await build({ useIdf: true })).asDistractors();
  await withDistractors.add(rowsOf(0, 3));
  for (const index of [
    await build({ images: 0 }),
    await build(),
    await build({ capacity: 25 }),
    await build({ binary: false, useIdf: true }),
    withDistractors,
  ]) {
    const file = fresh();
    await saveIndex(file, index, notes);
    await verifyIndex(file);
    const stored = await readIndex(file);
    assert.equal(await visible(stored.index), await visible(index));
    assert.equal(stored.notes, notes);
  }
});

test("a chunk that was open when it was saved can be continued, with the idf of one chunk", async () => {
  const whole = InvertedFile.create({ words: WORDS, dim: DIM, binary: true, useIdf: true });
  for (const id of [0, 4, 8]) whole.append(rowsOf(id, 4));
  await whole.commit();
  const file = fresh();
  const half = InvertedFile.create({ words: WORDS, dim: DIM, binary: true, useIdf: true });
  half.append(rowsOf(0, 4));
  half.append(rowsOf(4, 4));
  await saveIndex(file, half, notes);
  const { index } = await readIndex(file);
  assert.ok(index.isOpen);
  index.append(rowsOf(8, 4));
  await index.commit();
  assert.equal(await visible(index), await visible(whole));
});

test("saving again appends what is new; the old bytes but one pointer stay", async () => {
  const file = fresh();
  const index = await build({ images: 120, capacity: 150 });
  await saveIndex(file, index, notes);
  const before = readFileSync(file);
  await index.add(rowsOf(120, 2));
  await saveIndex(file, index, { ...notes, names: null });
  const after = readFileSync(file);
  assert.ok(after.length > before.length && after.length < 2 * before.length);
  assert.ok(after.subarray(ALIGNMENT, before.length).equals(before.subarray(ALIGNMENT)));
  const stored = await readIndex(file);
  assert.equal(await visible(stored.index), await visible(index));
  assert.is(stored.notes.names, null);
  await stored.index.add(rowsOf(130, 1));
  await saveIndex(file, stored.index, notes);
  assert.equal(await visible((await readIndex(file)).index), await visible(stored.index));
});

test("an extension that was cut off anywhere leaves the index as it was", async () => {
  const file = fresh();
  const index = await build({ images: 120, capacity: 150 });
  await saveIndex(file, index, notes);
  const old = await visible(index);
  const header = readFileSync(file).subarray(0, ALIGNMENT);
  const size = statSync(file).size;
  await index.add(rowsOf(120, 2));
  await saveIndex(file, index, notes);
  const full = statSync(file).size;
  // Killed before the pointer was written: the first page is the old one, the file of any length.
  for (let cut = 0; cut < 8; cut++) {
    const torn = damaged(file, (bytes) => {
      bytes.set(header, 0);
      return bytes.subarray(0, size + Math.floor(((full - size) * cut) / 8));
    });
    const stored = await readIndex(torn);
    assert.equal(await visible(stored.index), old);
    await stored.index.add(rowsOf(140, 1));
    await saveIndex(torn, stored.index, notes);
    assert.equal(await visible((await readIndex(torn)).index), await visible(stored.index));
  }
  // A pointer that was half written, and so has no copy yet, is ignored in favour of the other.
  const half = damaged(file, (bytes) => {
    const [first, copy] = slotPositions(2);
    bytes[first + 9] ^= 0xff;
    bytes.fill(0, copy, copy + 32);
    return undefined;
  });
  assert.equal(await visible((await readIndex(half)).index), old);
});

test("a file of which little is still used is written anew", async () => {
  const file = fresh();
  const index = await build({ images: 4 });
  await saveIndex(file, index, notes);
  for (let id = 4; id < 24; id += 4) {
    await index.add(rowsOf(id, 4));
    await saveIndex(file, index, notes);
  }
  const single = fresh();
  await saveIndex(single, index, notes);
  assert.ok(statSync(file).size < 3 * statSync(single).size, `${statSync(file).size} ${statSync(single).size}`);
  assert.equal(await visible((await readIndex(file)).index), await visible(index));
});

test("truncated anywhere, a file is refused with a name for what is wrong", async () => {
  const file = fresh();
  await saveIndex(file, await build(), notes);
  const size = statSync(file).size;
  for (const length of [0, 7, 100, 4095, 4096, 5000, size - 4096, size - 1]) {
    const { kind } = await failureOf(() => readIndex(damaged(file, (bytes) => bytes.subarray(0, length))));
    assert.ok(kind === "Truncated" || kind === "MalformedFile", `${length}: ${kind}`);
  }
});

test("a flipped bit is noticed wherever bytes are used, and harmless elsewhere", async () => {
  const file = fresh();
  const index = await build({ capacity: 40 });
  await saveIndex(file, index, notes);
  const want = await visible(index);
  const { handle, directory, slot, size } = await openDirectory(file);
  await handle.close();
  const used = [
    [0, 16],
    [slot.at, slot.at + slot.length],
    ...sectionsOf(directory).map(([, s]) => [s.at, s.at + s.bytes]),
  ].filter(([begin, end]) => end > begin);
  const random = new Mt19937(5);
  const flipped = (at: number) =>
    damaged(file, (bytes) => {
      bytes[at] ^= 1 << (random.nextU32() % 8);
      return undefined;
    });
  for (const [begin, end] of used) {
    for (let i = 0; i < 4; i++) {
      const copy = flipped(begin + (random.nextU32() % (end - begin)));
      await failureOf(() => readIndex(copy));
      await failureOf(() => verifyIndex(copy));
      rmSync(copy);
    }
  }
  for (let i = 0; i < 40; i++) {
    const at = random.nextU32() % size;
    if (used.some(([begin, end]) => begin <= at && at < end)) continue;
    assert.equal(await visible((await readIndex(flipped(at))).index), want);
  }
});

test("another version, another kind of file, another codebook or model are told apart", async () => {
  const file = fresh();
  await saveIndex(file, await build(), notes);
  const newer = damaged(file, (bytes) => {
    bytes.writeUInt32LE(2, 8);
    return undefined;
  });
  const version = await failureOf(() => readIndex(newer));
  assert.is(version.kind, "UnsupportedFeature");
  assert.match(version.message, /version 2 \(this program reads version 1\)/);
  const text = fresh();
  writeFileSync(text, "x".repeat(500));
  assert.match((await failureOf(() => readIndex(text))).message, /not an index file of fire-gpu/);
  const message = async (action: Promise<unknown>) => {
    let text = "";
    await action.catch((e) => {
      text = e.message;
    });
    return text;
  };
  assert.match(
    await message(readIndex(file, { expect: { model: "other" } })),
    /another model — expected other, got model/,
  );
  assert.match(await message(readIndex(file, { expect: { codebook: "0" } })), /built with another codebook/);
  await readIndex(file, { expect: { model: "model", codebook: codebookHash(codebook) } });
  assert.match(await message(readIndex(join(folder, "absent.idx"))), /no such file/);
});

test("segments beyond the memory limit stay on disk and give the same rankings", async () => {
  const file = fresh();
  const index = await build({ images: 40, capacity: 60 });
  await saveIndex(file, index, notes);
  for (const maxResidentBytes of [0, 3000]) {
    const { index: lazy } = await readIndex(file, { maxResidentBytes });
    assert.is(lazy.segments.filter((s) => s.resident === null).length > 3, true);
    assert.equal(await visible(lazy), await visible(index));
    // Rewriting the file under the index moves its segments; adding does not need the old ones.
    await lazy.add(rowsOf(40, 4));
    await saveIndex(fresh(), lazy, notes);
    await saveIndex(file, lazy, notes);
    assert.is(lazy.imageCount, 44);
    assert.equal(await visible((await readIndex(file)).index), await visible(lazy));
    await saveIndex(file, index, notes);
  }
  const { index: orphan } = await readIndex(file, { maxResidentBytes: 0 });
  const other = fresh();
  copyFileSync(file, other);
  rmSync(file);
  writeFileSync(`${file}.new`, readFileSync(other));
  copyFileSync(`${file}.new`, file);
  const error = await failureOf(() => searchIndex(orphan, queries(true), STANDARD));
  assert.match(error.message, /replaced while it was in use/);
});

test("an index comes back from the reference's form, and can be told from ours", async () => {
  for (const binary of [true, false]) {
    const index = (await build({ useIdf: true, binary })).asDistractors();
    await index.add(rowsOf(0, 2, binary));
    const pickled = fresh("pkl");
    await storeIndex(pickled, index, notes);
    const stored = await openIndex(pickled, { dim: DIM });
    assert.equal(await visible(stored.index), await visible(index));
    assert.is(stored.notes.names, null);
    const own = fresh();
    await storeIndex(own, index, notes);
    assert.equal((await openIndex(own)).notes, notes);
  }
  const open = await build();
  open.append(rowsOf(20, 1));
  let message = "";
  await storeIndex(fresh("pkl"), open, notes).catch((e) => {
    message = e.message;
  });
  assert.match(message, /call commit\(\) first/);
});

test("a pickle that is no sound index is refused", async () => {
  const index = InvertedFile.create({ words: 2, dim: 32, binary: true, useIdf: false });
  await index.add(randomRows(randomCodebook(2, 32, 1), { images: 2, each: 5, seed: 1 }));
  const file = fresh("pkl");
  const ids = (...values: bigint[]) => new NdArray("I64", [values.length], BigInt64Array.from(values));
  const codes = (n: number, width = 1) => new NdArray("U32", [n, width], new Uint32Array(n * width));
  const good = {
    norm_factor: new NdArray("F64", [2], new Float64Array(2)),
    n_images: 2,
    ivf_vecs: [codes(3), null],
    ivf_image_ids: [ids(0n, 1n, 77n), null],
    counts: new NdArray("I32", [2], Int32Array.of(2, 0)),
    idf: new NdArray("F32", [2], new Float32Array(2)),
  };
  const read = (state: PyInput, top: { [key: string]: PyInput } = {}) => {
    writeFileSync(file, writePickle({ type: "IVF", params: { use_idf: false }, state, ...top }));
    return openIndex(file);
  };
  const { index: sound } = await read(good);
  assert.equal([...(await sound.entriesOf(0)).images], [0, 1]);
  assert.is(sound.imidOffset, 0);
  const bad: [PyInput, string][] = [
    [{ ...good, ivf_image_ids: [ids(1n, 0n, 0n), null] }, "MalformedFile"],
    [{ ...good, ivf_image_ids: [ids(0n, 2n, 0n), null] }, "MalformedFile"],
    [{ ...good, ivf_image_ids: [ids(-1n, 0n, 0n), null] }, "MalformedFile"],
    [{ ...good, counts: new NdArray("I32", [2], Int32Array.of(4, 0)) }, "ShapeMismatch"],
    [{ ...good, counts: new NdArray("I32", [2], Int32Array.of(2, 1)) }, "MissingKey"],
    [{ ...good, counts: new NdArray("I32", [2], Int32Array.of(-2, 0)) }, "ShapeMismatch"],
    [{ ...good, ivf_vecs: [codes(3, 2), null] }, "ok"],
    [{ ...good, ivf_vecs: [codes(2), null] }, "ShapeMismatch"],
    [{ ...good, ivf_vecs: [codes(3)] }, "ShapeMismatch"],
    [{ ...good, n_images: 3 }, "ShapeMismatch"],
    [{ ...good, n_images: -1 }, "MissingKey"],
    [{ ...good, idf: new NdArray("F64", [2], new Float64Array(2)) }, "MissingKey"],
    [{ ...good, ivf_vecs: [null, null], counts: new NdArray("I32", [2], new Int32Array(2)) }, "UnsupportedFeature"],
    [[], "MissingKey"],
  ];
  for (const [i, [state, kind]] of bad.entries()) {
    if (kind === "ok") await read(state);
    else assert.is((await failureOf(() => read(state))).kind, kind, `case ${i}`);
  }
  assert.is((await failureOf(() => read(good, { type: "Codebook" }))).kind, "MalformedFile");
  writeFileSync(file, readFileSync(file).subarray(0, 200));
  assert.is((await failureOf(() => openIndex(file))).kind, "Truncated");
});

test("the reference's own caches come back from our pickles value for value", async () => {
  const golden = join(packageRoot(), "../shared/golden/asmk__k256_d20/caches");
  if (!existsSync(golden)) {
    console.log("skipped: the reference's cache files are not beside this package (../shared/golden)");
    return;
  }
  for (const name of ["ivf_bin.pkl", "ivf_bin_idf.pkl", "ivf_float_idf.pkl"]) {
    const { index } = await openIndex(join(golden, name), { dim: 20 });
    const file = fresh("pkl");
    await storeIndex(file, index, notes);
    const again = (await openIndex(file, { dim: 20 })).index;
    assert.equal(again.state().segments[0].resident, index.state().segments[0].resident);
    assert.equal([again.counts, again.idf, again.state().norms], [index.counts, index.idf, index.state().norms]);
  }
});

test.run();
