/** @file Damage to files, by a seed: bytes, JSON trees and pickle programs that are nearly right. */
import { Mt19937 } from "../../base/random.js";

/** Random choices from a seed. */
export class Dice {
  private readonly source: Mt19937;
  constructor(seed: number) {
    this.source = new Mt19937(seed);
  }
  /** 0 … n − 1. */
  below(n: number): number {
    return this.source.nextU32() % n;
  }
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}

const oddBytes = [0, 1, 0x7f, 0x80, 0xff];

/** The same bytes with one to four of them changed, cut out, doubled, or replaced by a number that decides much. */
export function mutated(bytes: Uint8Array, dice: Dice): Uint8Array {
  let out = Buffer.from(bytes);
  for (let n = 1 + dice.below(4); n > 0 && out.length > 0; n--) {
    const at = dice.below(out.length);
    const length = Math.min(out.length - at, 1 + dice.below(dice.of([2, 8, 200])));
    const change = dice.below(6);
    if (change === 0) out[at] ^= 1 << dice.below(8);
    else if (change === 1) out[at] = dice.of(oddBytes);
    else if (change === 2) out.fill(dice.of(oddBytes), at, at + Math.min(length, 8));
    else if (change === 3) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
    else if (change === 4) out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
    else out = Buffer.concat([out.subarray(0, at), Buffer.from([dice.below(256), dice.below(256)]), out.subarray(at)]);
  }
  return out;
}

const oddValues: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  2 ** 53,
  4294967296,
  "",
  "x",
  "\0",
  [],
  {},
  [[]],
  [null],
  { a: 1 },
  { toString: 1 },
  "__proto__",
];

/** The same tree with one to three values replaced, left out or moved; the original stays as it is. */
export function mutatedTree(value: unknown, dice: Dice): unknown {
  const root = { root: structuredClone(value) };
  for (let n = 1 + dice.below(3); n > 0; n--) {
    let parent: Record<string, unknown> = root;
    let key = "root";
    for (;;) {
      const here = parent[key];
      const keys = typeof here === "object" && here !== null ? Object.keys(here) : [];
      if (keys.length === 0 || dice.below(5) === 0) break;
      parent = here as Record<string, unknown>;
      key = dice.of(keys);
    }
    if (dice.below(6) === 0 && parent !== root) {
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
    } else parent[key] = structuredClone(dice.of(oddValues));
  }
  return root.root;
}

/** A program of the pieces that pickles are made of, in any order: most of it makes no sense. */
export function pickleProgram(pieces: readonly string[], dice: Dice): Uint8Array {
  const count = 1 + dice.below(40);
  const ops = Array.from({ length: count }, () => dice.of(pieces));
  return Buffer.from(`\x80${String.fromCharCode(dice.of([2, 4, 5]))}${ops.join("")}.`, "latin1");
}
