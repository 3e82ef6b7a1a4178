/** @file The first page of an index file that was extended in place: damage never brings an older version back unnoticed. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readIndex, verifyIndex } from "../../asmk/index-file.js";
import { decodeHeader, HEADER_BYTES, slotPositions } from "../../asmk/index-header.js";
import { saveIndex } from "../../asmk/index-save.js";
import { InvertedFile } from "../../asmk/inverted-file.js";
import { splitByImage } from "../../asmk/word-rows.js";
import { FileFormatError } from "../../base/errors.js";
import { randomCodebook, randomRows } from "../support/random-rows.js";

const test = suite("index-pointers");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-pointers-"));
test.after(() => rmSync(folder, { recursive: true }));

const notes = { codebook: null, model: null, names: null, properties: {} };
const codebook = randomCodebook(300, 256, 1);
const images = splitByImage(randomRows(codebook, { images: 36, each: 300, seed: 2 }));

/** A file that was extended `times` times by one image, ten images at first. */
async function extended(name: string, times: number): Promise<string> {
  const file = join(folder, name);
  const index = InvertedFile.create({ words: 300, dim: 256, binary: true, useIdf: false });
  for (let i = 0; i < 30 + times; i++) {
    index.append(images[i]);
    if (i < 29) continue;
    await index.commit();
    await saveIndex(file, index, notes);
  }
  return file;
}

/** Number of images, or "refused", after `damage` to the first page. */
async function after(file: string, damage: (page: Buffer) => void): Promise<number | "refused"> {
  const bytes = readFileSync(file);
  damage(bytes);
  const copy = join(folder, "damaged.index");
  writeFileSync(copy, bytes);
  try {
    return (await readIndex(copy)).index.imageCount;
  } catch (e) {
    assert.instance(e, FileFormatError);
    return "refused";
  }
}

test("each bit of the first page, flipped: the newest index, or a refusal", async () => {
  for (const times of [0, 1, 2]) {
    const page = readFileSync(await extended(`flip-${times}.index`, times)).subarray(0, HEADER_BYTES);
    const { slot: newest } = decodeHeader(page, "x");
    assert.is(newest.generation, times + 1);
    for (let at = 0; at < HEADER_BYTES; at++)
      for (let bit = 0; bit < 8; bit++) {
        page[at] ^= 1 << bit;
        try {
          assert.equal(decodeHeader(page, "x").slot, newest, `${times}: byte ${at} bit ${bit}`);
        } catch (e) {
          // A pointer has a copy, so its damage costs nothing.
          assert.ok(e instanceof FileFormatError && at < 16, `${times}: byte ${at} bit ${bit}: ${e}`);
        }
        page[at] ^= 1 << bit;
      }
  }
});

test("a pointer that is zeroed, a whole sector too, or replaced by the other: the newest index or a refusal", async () => {
  const file = await extended("zero.index", 3);
  const [first, copy] = slotPositions(4);
  const [older] = slotPositions(3);
  for (const damage of [
    (p: Buffer) => p.fill(0, first, first + 32),
    (p: Buffer) => p.fill(0, copy, copy + 32),
    (p: Buffer) => p.fill(0, first, first + 32).fill(0, copy, copy + 32),
    (p: Buffer) => p.fill(0xff, first, first + 32).fill(0xff, copy, copy + 32),
    (p: Buffer) => p.fill(0, 64, 512),
    (p: Buffer) => p.fill(0, 2048, 2560),
    (p: Buffer) => p.fill(0, 64, HEADER_BYTES),
    (p: Buffer) => p.copyWithin(first, older, older + 32),
  ]) {
    const seen = await after(file, damage);
    assert.ok(seen === 33 || seen === "refused", `${damage}: ${seen}`);
  }
});

test("verifyIndex names a damaged pointer that reading can do without; saving mends it", async () => {
  const file = await extended("mend.index", 1);
  const bytes = readFileSync(file);
  bytes[slotPositions(2)[0] + 3] ^= 1;
  writeFileSync(file, bytes);
  const refusal = await verifyIndex(file).then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.ok(refusal instanceof FileFormatError && refusal.kind === "ChecksumMismatch");
  const { index } = await readIndex(file);
  index.append(images[31]);
  await index.commit();
  await saveIndex(file, index, notes);
  await verifyIndex(file);
  assert.is((await readIndex(file)).index.imageCount, 32);
});

test("files without copies, of older programs, are read; a damaged pointer in them is refused", async () => {
  for (const times of [0, 1, 2]) {
    const file = await extended(`old-${times}.index`, times);
    const bytes = readFileSync(file);
    bytes.fill(0, 2048, HEADER_BYTES);
    writeFileSync(file, bytes);
    await verifyIndex(file);
    assert.is(await after(file, () => {}), 30 + times);
    for (const at of [64, 100, 128, 159])
      assert.ok([30 + times, "refused"].includes(await after(file, (page) => (page[at] ^= 4))), `${times} ${at}`);
    const again = join(folder, "again.index");
    copyFileSync(file, again);
    const { index } = await readIndex(again);
    index.append(images[30 + times]);
    await index.commit();
    await saveIndex(again, index, notes);
    assert.is((await readIndex(again)).index.imageCount, 31 + times);
  }
});

test.run();
