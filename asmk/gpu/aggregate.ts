/** @file Residual sums and codes on a device (asmk.md §4). Which descriptors belong to which row is worked out here. */
import type { Device } from "../../engine/device.js";
import { pad4 } from "../../engine/op.js";
import { groupsFor } from "../../engine/ops/launch.js";
import { aggregate, checkAggregateInput, sortedPairs } from "../aggregate.js";
import type { Codebook } from "../codebook.js";
import { codeLength, imageRuns, type WordRows } from "../word-rows.js";
import { padRows, type WordTable } from "./word-table.js";

/**
 * As `aggregate` of ../aggregate.ts. Sums run in float32 in the same order, so binary codes are equal to the twin's;
 * normalised residuals differ by the rounding of their norm.
 * @param table the device copy of the codebook
 */
export async function aggregateOnDevice(
  device: Device,
  table: WordTable,
  codebook: Codebook,
  descriptors: Float32Array,
  words: Int32Array,
  images: Int32Array,
  binary: boolean,
): Promise<WordRows> {
  checkAggregateInput(codebook, descriptors, words, images);
  const { dim } = codebook;
  const assignments = images.length ? words.length / images.length : 1;
  const largest = Math.min(device.maxBinding, device.room / 8);
  const most = Math.floor(largest / Math.max(pad4(dim), assignments * ROW_WORDS) / 4);
  const parts: Promise<WordRows>[] = [];
  for (const [begin, end] of blocks(images, most)) {
    const own = descriptors.subarray(begin * dim, end * dim);
    const ids = words.subarray(begin * assignments, end * assignments);
    const block = images.subarray(begin, end);
    // one image beyond a binding: hundreds of thousands of descriptors, or a device of the tests
    if (end - begin > most) parts.push(Promise.resolve(aggregate(codebook, own, ids, block, binary)));
    else parts.push(launch(device, table, own, planOf(ids, block, assignments), binary));
  }
  return joinRows(await Promise.all(parts), dim, binary);
}

/** u32 of a Row of shaders/asmk/aggregate.wgsl. */
const ROW_WORDS = 3;

interface AggregatePlan {
  /** Word, first and end position in `members` of each row. */
  readonly rows: Uint32Array;
  readonly members: Uint32Array;
  readonly words: Int32Array;
  readonly images: Int32Array;
}

/** Whole images, as many as fit; at least one. */
function* blocks(images: Int32Array, most: number): Generator<[begin: number, end: number]> {
  let first = 0;
  let last = 0;
  for (const [, end] of imageRuns(images)) {
    if (end - first > most && last > first) {
      yield [first, last];
      first = last;
    }
    last = end;
  }
  if (last > first) yield [first, last];
}

/** Rows by image, then word; members of a row in descriptor order, each once. */
function planOf(words: Int32Array, images: Int32Array, assignments: number): AggregatePlan {
  const rows = new Uint32Array(words.length * ROW_WORDS);
  const members = new Uint32Array(words.length);
  const outWords = new Int32Array(words.length);
  const outImages = new Int32Array(words.length);
  let row = -1;
  let count = 0;
  for (const [begin, end] of imageRuns(images)) {
    const span = end - begin;
    let word = -1;
    let previous = -1;
    for (const pair of sortedPairs(words, assignments, begin, end)) {
      const own = Math.floor(pair / span);
      const descriptor = begin + (pair % span);
      if (own !== word) {
        row++;
        outWords[row] = own;
        outImages[row] = images[begin];
        rows.set([own, count], row * ROW_WORDS);
        previous = -1;
      }
      word = own;
      if (descriptor !== previous) members[count++] = descriptor;
      previous = descriptor;
      rows[row * ROW_WORDS + 2] = count;
    }
  }
  return {
    rows: rows.subarray(0, (row + 1) * ROW_WORDS),
    members: members.subarray(0, count),
    words: outWords.slice(0, row + 1),
    images: outImages.slice(0, row + 1),
  };
}

async function launch(
  device: Device,
  table: WordTable,
  descriptors: Float32Array,
  plan: AggregatePlan,
  binary: boolean,
): Promise<WordRows> {
  const { dim, dim4 } = table;
  const count = plan.words.length;
  const length = binary ? codeLength(dim, true) : dim4 * 4;
  let reading!: ReturnType<Device["read"]>;
  device.scope(() => {
    const vectors = device.upload(padRows(descriptors, dim), [descriptors.length / dim, dim4 * 4], "descriptors");
    const rows = device.upload(plan.rows, [count, ROW_WORDS], "rows");
    const members = device.upload(plan.members, [plan.members.length], "members");
    const codes = device.empty([count, length], binary ? "u32" : "f32", "codes");
    for (const part of table.parts)
      device.dispatch({
        shader: "asmk/aggregate.wgsl",
        constants: { CODE: binary ? 1 : 0 },
        reads: [vectors, part.rows, rows, members],
        writes: [codes],
        params: [count, dim4, length, part.first, part.first + part.words],
        groups: groupsFor(binary ? count * length : count),
        label: `aggregate/${count}x${dim}`,
        cost: { flops: 2 * members.elements * dim, bytes: 4 * (members.elements * dim + codes.elements) },
      });
    reading = device.read(codes);
    return undefined;
  });
  const [data] = (await reading) as (Float32Array | Uint32Array)[];
  return {
    dim,
    codes: data instanceof Float32Array ? cutRows(data, dim4 * 4, dim) : data,
    words: plan.words,
    images: plan.images,
  };
}

/** Rows without their padding. */
function cutRows(rows: Float32Array, width: number, dim: number): Float32Array {
  if (width === dim) return rows;
  const out = new Float32Array((rows.length / width) * dim);
  for (let r = 0; r * width < rows.length; r++) out.set(rows.subarray(r * width, r * width + dim), r * dim);
  return out;
}

function joinRows(parts: readonly WordRows[], dim: number, binary: boolean): WordRows {
  if (parts.length === 1) return parts[0];
  const rows = parts.reduce((n, p) => n + p.words.length, 0);
  const length = codeLength(dim, binary);
  const codes = binary ? new Uint32Array(rows * length) : new Float32Array(rows * length);
  const words = new Int32Array(rows);
  const images = new Int32Array(rows);
  let at = 0;
  for (const part of parts) {
    codes.set(part.codes, at * length);
    words.set(part.words, at);
    images.set(part.images, at);
    at += part.words.length;
  }
  return { dim, codes, words, images };
}
