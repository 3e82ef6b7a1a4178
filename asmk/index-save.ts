/** @file Writing index files: whole and renamed into place, or extended in place (index-layout.ts). */
import { randomUUID } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { AtomicFile } from "../base/atomic.js";
import { FileFormatError } from "../base/errors.js";
import { flush, openToWrite, writeAll } from "../base/file-io.js";
import { sha256 } from "../base/hash.js";
import { type IndexNotes, type OpenedIndex, openDirectory, placeOf } from "./index-file.js";
import { encodeHeader, encodeSlot, slotPositions } from "./index-header.js";
import { ALIGNMENT, align, type Directory, encodeDirectory, type Section, type StoredSegment } from "./index-layout.js";
import type { InvertedFile, InvertedFileState } from "./inverted-file.js";
import type { SegmentRef } from "./segment.js";
import { FileSegment } from "./stored-segment.js";
import { codeLength } from "./word-rows.js";

/**
 * Saves an index. When `path` is the file its segments came from, only what is new is appended, and the file is the old
 * or the new index whatever happens; otherwise, or when less than half of the file would be used or a pointer is damaged, the file is written
 * anew under a temporary name and renamed. An open chunk is saved as it is and can be continued. One writer at a time.
 */
export async function saveIndex(path: string, index: InvertedFile, notes: IndexNotes): Promise<void> {
  const state = index.state();
  const present = await openPresent(path);
  try {
    const id = present?.directory.id ?? randomUUID();
    const here = (ref: SegmentRef) => {
      const place = placeOf.get(ref);
      return place?.id === id ? place.stored : undefined;
    };
    const kept = state.segments.reduce((n, ref) => n + bytesInFile(here(ref)), 0);
    if (present && !present.damaged && kept > 0 && 2 * kept >= present.size)
      await append(path, present, state, notes, here);
    else await rewrite(path, state, notes);
  } finally {
    await present?.handle.close();
  }
}

/** The index that is at `path` now. A damaged one is replaced like any other file. */
async function openPresent(path: string): Promise<OpenedIndex | null> {
  if (!existsSync(path)) return null;
  try {
    return await openDirectory(path);
  } catch (e) {
    if (e instanceof FileFormatError) return null;
    throw e;
  }
}

async function rewrite(path: string, state: InvertedFileState, notes: IndexNotes): Promise<void> {
  const id = randomUUID();
  const plan = planIndex(id, state, notes, ALIGNMENT, () => undefined);
  const out = new AtomicFile(path);
  try {
    out.write(encodeHeader({ generation: 1, at: plan.at, length: plan.length }));
    await writePlan(plan, ALIGNMENT, async (bytes) => out.write(bytes));
    out.commit();
  } catch (e) {
    out.abort();
    throw e;
  }
  const present = await openDirectory(path);
  await present.handle.close();
  state.segments.forEach((ref, i) => {
    const stored = plan.directory.segments[i];
    placeOf.set(ref, { id, stored });
    if (ref instanceof FileSegment && ref.place.file.path === present.file.path)
      ref.place = { file: present.file, stored };
  });
}

async function append(
  path: string,
  present: OpenedIndex,
  state: InvertedFileState,
  notes: IndexNotes,
  here: (ref: SegmentRef) => StoredSegment | undefined,
): Promise<void> {
  const start = align(present.size);
  const plan = planIndex(present.directory.id, state, notes, start, here);
  const handle = await openToWrite(path, "r+");
  try {
    let at = start;
    await writePlan(plan, start, async (bytes) => {
      await writeAll(handle, bytes, path, at);
      at += bytes.length;
    });
    // The new sections must be on the disk before the pointer to them is.
    await flush(handle, path);
    if (statSync(path).ino !== present.file.inode)
      throw new FileFormatError("MalformedFile", path, "the file was replaced while it was extended; save again");
    const generation = present.slot.generation + 1;
    const slot = encodeSlot({ generation, at: plan.at, length: plan.length });
    for (const position of slotPositions(generation)) {
      await writeAll(handle, slot, path, position);
      await flush(handle, path);
    }
  } finally {
    await handle.close();
  }
  state.segments.forEach((ref, i) => {
    placeOf.set(ref, { id: present.directory.id, stored: plan.directory.segments[i] });
  });
}

/** Where everything goes, before any of it is written; hashes are filled in while writing. */
interface Plan {
  readonly directory: Directory;
  readonly pieces: readonly Piece[];
  /** Place and length of the directory. */
  readonly at: number;
  readonly length: number;
}

/** Sections that are produced together, in file order. */
interface Piece {
  readonly sections: readonly Section[];
  produce(): Promise<readonly Uint8Array[]>;
}

const NO_HASH = "0".repeat(64);

/** Positions depend on sizes alone, and hashes have a fixed length: so the header can be written first. */
function planIndex(
  id: string,
  state: InvertedFileState,
  notes: IndexNotes,
  start: number,
  here: (ref: SegmentRef) => StoredSegment | undefined,
): Plan {
  let at = start;
  const reserve = (bytes: number): Section => {
    const section = { at: align(at), bytes, sha256: NO_HASH };
    at = section.at + bytes;
    return section;
  };
  const pieces: Piece[] = [];
  const segments = state.segments.map((ref) => {
    const { firstImage, endImage, entries } = ref;
    const present = here(ref);
    if (present) return present;
    const stored = {
      ...{ firstImage, endImage, entries },
      offsets: reserve(4 * (state.words + 1)),
      images: reserve(4 * entries),
      codes: reserve(4 * entries * codeLength(state.dim, state.binary)),
    };
    pieces.push({
      sections: [stored.offsets, stored.images, stored.codes],
      produce: async () => {
        const segment = await ref.load();
        return [bytesOf(segment.offsets), bytesOf(segment.images), bytesOf(segment.codes)];
      },
    });
    return stored;
  });
  const whole = (bytes: Uint8Array): Section => {
    const section = reserve(bytes.length);
    pieces.push({ sections: [section], produce: async () => [bytes] });
    return section;
  };
  const { words, dim, binary, useIdf, imidOffset, imageCount } = state;
  const { codebook, model, properties, names } = notes;
  const directory: Directory = {
    ...{ id, words, dim, binary, useIdf, imidOffset, imageCount, codebook, model, properties, segments },
    counts: whole(bytesOf(state.counts)),
    committedCounts: whole(bytesOf(state.committedCounts)),
    idf: whole(bytesOf(state.idf)),
    norms: whole(bytesOf(state.norms)),
    names: names ? whole(Buffer.from(JSON.stringify(names))) : null,
  };
  return { directory, pieces, at: align(at), length: encodeDirectory(directory).length };
}

async function writePlan(plan: Plan, start: number, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  let at = start;
  const put = async (bytes: Uint8Array, to: number) => {
    if (to > at) await write(new Uint8Array(to - at));
    await write(bytes);
    at = to + bytes.length;
  };
  for (const { sections, produce } of plan.pieces) {
    const contents = await produce();
    for (const [i, section] of sections.entries()) {
      section.sha256 = sha256(contents[i]);
      await put(contents[i], section.at);
    }
  }
  await put(encodeDirectory(plan.directory), plan.at);
}

/** Bytes a stored segment takes in the file, padding included. */
function bytesInFile(s: StoredSegment | undefined): number {
  return s ? align(s.offsets.bytes) + align(s.images.bytes) + align(s.codes.bytes) : 0;
}

function bytesOf(array: Uint32Array | Int32Array | Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
