/**
 * @file The first page of an index file: pointers to the directory in force.
 *
 *     0     magic "FGPUASMK", u32 version, u32 byte-order mark 0x01020304
 *     64    slot 0 ┐ each: u64 generation, u64 position and u64 length of the directory,
 *     128   slot 1 ┘       first 8 bytes of the sha256 of these 24; zeros while there is none
 *     2112  slot 0 again
 *     2176  slot 1 again
 *
 * Generations take turns in the slots. A new one is written to its slot, flushed, then to the copy, in another sector of
 * the disk. So a damaged pointer is made good by its copy; what was lost altogether is never mistaken for an extension
 * that did not come to its end, which would bring the old index back without a word. Files of older programs have no
 * copies: there a damaged pointer is refused.
 */
import { FileFormatError } from "../base/errors.js";
import { sha256 } from "../base/hash.js";

const MAGIC = "FGPUASMK";
const VERSION = 1;
const BYTE_ORDER = 0x01020304;
/** Bytes of the first page. */
export const HEADER_BYTES = 4096;
const SLOT_BYTES = 32;
const SLOTS = [64, 128];
const COPIES_AT = 2048;

/** A pointer to a directory. */
export interface Slot {
  readonly generation: number;
  readonly at: number;
  readonly length: number;
}

/** What the first page says. */
export interface Header {
  /** The slot in force. */
  readonly slot: Slot;
  /** True when a pointer is damaged and its copy stands for it. */
  readonly damaged: boolean;
}

/** The first page of a new file: the given slot is in force, the other one is empty. */
export function encodeHeader(slot: Slot): Uint8Array {
  const page = new Uint8Array(HEADER_BYTES);
  const view = new DataView(page.buffer);
  page.set(Buffer.from(MAGIC), 0);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, BYTE_ORDER, true);
  for (const position of slotPositions(slot.generation)) page.set(encodeSlot(slot), position);
  return page;
}

/** The bytes of a slot. */
export function encodeSlot({ generation, at, length }: Slot): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(generation), true);
  view.setBigUint64(8, BigInt(at), true);
  view.setBigUint64(16, BigInt(length), true);
  bytes.set(slotCheck(bytes), 24);
  return bytes;
}

/** Where the slot of a generation is, and its copy, to be written in this order. */
export function slotPositions(generation: number): [first: number, copy: number] {
  const first = SLOTS[generation % 2];
  return [first, COPIES_AT + first];
}

/** True when a file begins as ours do. */
export function isIndexHeader(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 8)).toString("latin1") === MAGIC;
}

/**
 * The slot in force.
 * @param page the first page of the file
 * @throws FileFormatError UnsupportedFeature for another version, MalformedFile when it is no index file, Truncated,
 *   ChecksumMismatch when damage leaves open which directory is the newest
 */
export function decodeHeader(page: Uint8Array, file: string): Header {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  if (!isIndexHeader(page)) throw new FileFormatError("MalformedFile", file, "not an index file of fire-gpu");
  if (page.length < HEADER_BYTES)
    throw new FileFormatError("Truncated", file, `expected a first page of ${HEADER_BYTES} bytes, got ${page.length}`);
  const version = view.getUint32(8, true);
  if (version !== VERSION || view.getUint32(12, true) !== BYTE_ORDER)
    throw new FileFormatError(
      "UnsupportedFeature",
      file,
      `index format version ${version} (this program reads version ${VERSION}); build the index anew or use a newer program`,
    );
  const [own, other] = [0, 1].map((turn) => readPair(page, turn)).sort((a, b) => newest(b) - newest(a));
  const slot = own.slots[0];
  const lost = (what: string) =>
    new FileFormatError(
      "ChecksumMismatch",
      file,
      `${what} of the directory is damaged; build the index anew or restore a copy`,
    );
  if (!slot) throw lost("every pointer");
  const before = newest(other);
  // Generations follow each other, so the one before must be there. Of the first there is none.
  if (before !== slot.generation - 1) throw lost("the pointer to the newest or the last version");
  // What cannot be read in the other slot may have been newer, unless this generation came to its end with its copy.
  if (other.bad && !own.complete) throw lost("a pointer to one of the two last versions");
  return { slot, damaged: own.bad || other.bad };
}

/** What the two copies of a slot say. */
interface Pair {
  /** The readable ones, newest first. */
  readonly slots: readonly Slot[];
  /** Whether one can be read no more. */
  readonly bad: boolean;
  /** Whether both are there and say the same. */
  readonly complete: boolean;
}

function readPair(page: Uint8Array, turn: number): Pair {
  const read = slotPositions(turn).map((position) => decodeSlot(page.subarray(position, position + SLOT_BYTES), turn));
  const slots = read.filter((s) => s !== "bad" && s !== null) as Slot[];
  return {
    slots: slots.toSorted((a, b) => b.generation - a.generation),
    bad: read.includes("bad"),
    complete: slots.length === 2 && slots[0].generation === slots[1].generation,
  };
}

/** Null for one that was never written. */
function decodeSlot(bytes: Uint8Array, turn: number): Slot | "bad" | null {
  if (bytes.every((b) => b === 0)) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [generation, at, length] = [0, 8, 16].map((offset) => Number(view.getBigUint64(offset, true)));
  const good = Buffer.compare(slotCheck(bytes), bytes.subarray(24)) === 0;
  if (!good || ![generation, at, length].every(Number.isSafeInteger)) return "bad";
  return generation >= 1 && generation % 2 === turn ? { generation, at, length } : "bad";
}

/** Generation of a pair, 0 when there is none. */
function newest({ slots }: Pair): number {
  return slots[0]?.generation ?? 0;
}

function slotCheck(bytes: Uint8Array): Uint8Array {
  return Buffer.from(sha256(bytes.subarray(0, 24)).slice(0, 16), "hex");
}
