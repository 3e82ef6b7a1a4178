/** @file Index files with right checksums and wrong numbers: refused by name, before anything is made as large as they say. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readIndex } from "../../asmk/index-file.js";
import type { Directory, Section } from "../../asmk/index-layout.js";
import { readReferenceIndex } from "../../asmk/reference-index-file.js";
import { FileFormatError } from "../../base/errors.js";
import { type PyInput, writePickle } from "../../formats/pickle-write.js";
import { NdArray } from "../../formats/python.js";
import { forgeIndex, type IndexParts, writeSmallIndex } from "../support/forged-index.js";

const test = suite("asmk-forged");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-forged-"));
test.after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "x.index");

const forge = async (change: (parts: IndexParts) => void) => {
  await writeSmallIndex(file);
  await forgeIndex(file, change);
};
const refused = async (why: RegExp, change: (parts: IndexParts) => void) => {
  await forge(change);
  const error = await readIndex(file).then(
    () => assert.unreachable(`${why}`) as never,
    (e: unknown) => e,
  );
  assert.instance(error, FileFormatError);
  assert.match((error as Error).message, why);
};

test("an unchanged forgery is a good index", async () => {
  await forge(() => {});
  assert.is((await readIndex(file)).index.imageCount, 8);
});

test("counts, offsets, image ids and weights must agree with each other", async () => {
  /** Sets value `at` of a section. */
  const set =
    (
      section: (d: Directory) => Section,
      type: typeof Int32Array | typeof Float32Array | typeof Float64Array,
      at: number,
      value: number,
    ) =>
    ({ directory, bytes }: IndexParts) => {
      new type(bytes.get(section(directory))?.buffer as ArrayBuffer)[at] = value;
    };
  await refused(
    /word 0: counts say 2000000000 entries/,
    set((d) => d.counts, Int32Array, 0, 2e9),
  );
  await refused(
    /word 1: counts say -5 entries/,
    set((d) => d.counts, Int32Array, 1, -5),
  );
  await refused(
    /entries are committed/,
    set((d) => d.committedCounts, Int32Array, 2, 1000),
  );
  await refused(
    /idf: value 3 is NaN/,
    set((d) => d.idf, Float32Array, 3, Number.NaN),
  );
  await refused(
    /norms: value 0 is -1/,
    set((d) => d.norms, Float64Array, 0, -1),
  );
  const first = (part: "offsets" | "images" | "codes") => (d: Directory) => d.segments[0][part];
  await refused(/offsets fall after word 1/, set(first("offsets"), Int32Array, 1, 2 ** 30));
  await refused(/offsets end at 5000 of/, set(first("offsets"), Int32Array, 6, 5000));
  await refused(/image id 77 in the list of word/, set(first("images"), Int32Array, 0, 77));
  await refused(/value 2 of its codes is Infinity/, set(first("codes"), Float32Array, 2, Number.POSITIVE_INFINITY));
  await forge(set((d) => d.counts, Int32Array, 0, 1000));
  const error = await readIndex(file, { maxResidentBytes: 0 }).catch((e: Error) => e);
  assert.match((error as Error).message, /word 0: counts say 1000/, "segments that stay on disk are checked as well");
});

test("no byte of a file is counted twice, and no size goes beyond it", async () => {
  await refused(/segment 1 offsets overlaps another section/, ({ directory, bytes }) => {
    const [a, b] = directory.segments;
    bytes.delete(b.offsets);
    Object.assign(b.offsets, a.offsets);
  });
  await refused(/committedCounts overlaps another section|counts overlaps another section/, (p) => {
    p.bytes.delete(p.directory.committedCounts);
    Object.assign(p.directory.committedCounts, p.directory.counts);
  });
  await refused(/9 distractors among 8 images/, ({ directory }) => Object.assign(directory, { imidOffset: 9 }));
  await refused(/directory: dim/, ({ directory }) => Object.assign(directory, { dim: 2 ** 40 }));
  await refused(/counts — expected 4000000000 bytes/, ({ directory }) => Object.assign(directory, { words: 1e9 }));
});

test("an index of the reference may not name one list for every word", () => {
  const words = 4096;
  const images = 8192;
  const list = new NdArray("U32", [images, 4], new Uint32Array(4 * images));
  const ids = new NdArray(
    "I64",
    [images],
    BigInt64Array.from({ length: images }, (_, i) => BigInt(i)),
  );
  const of = (state: { [key: string]: PyInput } = {}) =>
    writePickle({
      type: "IVF",
      params: { use_idf: false },
      state: {
        norm_factor: new NdArray("F64", [images], new Float64Array(images)),
        n_images: images,
        ivf_vecs: Array(words).fill(list),
        ivf_image_ids: Array(words).fill(ids),
        counts: new NdArray("I32", [words], new Int32Array(words).fill(images)),
        idf: new NdArray("F32", [words], new Float32Array(words).fill(1)),
        ...state,
      },
    });
  assert.throws(() => readReferenceIndex(of(), "x.pkl", 128), /the lists of its words would take more memory/);
  const few = new NdArray(
    "I32",
    [words],
    Int32Array.from({ length: words }, (_, w) => (w < 4 ? images : 0)),
  );
  assert.is(readReferenceIndex(of({ counts: few }), "x.pkl", 128).entryCount, 4 * images);
  const odd = new NdArray("F32", [words], new Float32Array(words).fill(Number.NaN));
  assert.throws(() => readReferenceIndex(of({ counts: few, idf: odd }), "x.pkl", 128), /idf: value 0 is NaN/);
  assert.throws(
    () => readReferenceIndex(of({ counts: few, imid_offset: images + 1 }), "x.pkl", 128),
    /distractors among/,
  );
});

test.run();
