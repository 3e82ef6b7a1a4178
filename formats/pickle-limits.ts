/**
 * @file What objects of a pickle cost, and that what it built is a finite tree of sane depth. The memo allows an object inside itself, nesting a
 * million deep, and "a list of twice a list of twice …": small files that would hang or overflow whoever walks them.
 */
import { FileFormatError } from "../base/errors.js";
import { Budget } from "./budget.js";
import { settleText } from "./byte-text.js";
import { BlankArray } from "./numpy.js";
import { ObjectArray, PyDict, PyFloat, PyOpaque, PySet, PyTuple, type PyValue } from "./python.js";

/** Bytes that V8 takes, measured, a little rounded up. */
export const memoryCost = {
  /** A place in an array. */
  slot: 8,
  /** A place on the stack, which grows by half its size, is copied to grow, and cut in two to be read. */
  stack: 20,
  /** A place in an array that grows by half its size. */
  item: 12,
  /** A growing array begins with room for seventeen. */
  firstItem: 136,
  /** A place in the memo. */
  memo: 10,
  /** A key with its value in a Map, which doubles its size; a member of a Set takes as much. */
  entry: 56,
  list: 104,
  tuple: 88,
  dict: 288,
} as const;

/** What a key costs in a dict or set. V8 tells integers beyond 64 bits apart by their lowest 64 only: few may be keys. */
export function entryCost(key: PyValue): number {
  return typeof key === "bigint" && key !== BigInt.asIntN(64, key) ? 1 << 16 : memoryCost.entry;
}

/** Memory of a value that an opcode made, without what its members take. Arrays of numpy are charged where they are made. */
export function costOf(value: PyValue): number {
  if (typeof value === "string") return 32 + 2 * value.length;
  if (value instanceof PyFloat) return 48;
  if (value instanceof Uint8Array) return 104;
  if (Array.isArray(value)) return memoryCost.list + memoryCost.slot * value.length;
  if (value instanceof PyTuple) return memoryCost.tuple + memoryCost.slot * value.items.length;
  if (value instanceof PyDict || value instanceof PySet) return memoryCost.dict + memoryCost.entry * value.size;
  if (typeof value === "number") return 16;
  if (value instanceof BlankArray) return 32;
  return value instanceof PyOpaque ? 240 : 64;
}

const maxDepth = 500;

/** Memory of a value in the form that `plain` gives it, without its members. */
function plainCost(value: PyValue): number {
  if (value instanceof PyDict) return 160 + 40 * value.size;
  if (value instanceof PySet) return memoryCost.dict + memoryCost.entry * value.size;
  if (Array.isArray(value) || value instanceof PyTuple || value instanceof ObjectArray) return 64;
  return memoryCost.slot;
}

function itemsOf(value: PyValue): Iterator<PyValue> | undefined {
  if (Array.isArray(value) || value instanceof PySet) return value[Symbol.iterator]();
  if (value instanceof PyTuple || value instanceof ObjectArray) return value.items[Symbol.iterator]();
  if (value instanceof PyDict)
    return (function* () {
      for (const [k, v] of value) {
        yield k;
        yield v;
      }
      if (value.attributes) yield value.attributes;
    })();
  return undefined;
}

/**
 * What an unpickler built, fit to be used: it can be walked, and text is text. Refuses what cannot be walked; `bytes` is
 * the size of the pickle, which decides how large it may be once shared objects are written out.
 * @throws FileFormatError MalformedPickle
 */
export function settled(root: PyValue, bytes: number, file: string): PyValue {
  checkTree(root, new Budget(file, bytes, "MalformedPickle", { free: 2 ** 25 }));
  return settleText(root);
}

function checkTree(root: PyValue, budget: Budget): void {
  const fail = (fault: string) => new FileFormatError("MalformedPickle", budget.file, fault);
  const sizes = new Map<PyValue, number>();
  const open = new Set<PyValue>();
  const path: { value: PyValue; items: Iterator<PyValue>; size: number }[] = [];
  let value = root;
  for (;;) {
    if (value instanceof BlankArray) throw fail("an array without content");
    const known = sizes.get(value);
    const items = known === undefined ? itemsOf(value) : undefined;
    let size = known ?? plainCost(value);
    if (items) {
      if (open.has(value)) throw fail("an object that contains itself");
      if (path.length >= maxDepth) throw fail(`nested deeper than ${maxDepth}`);
      open.add(value);
      path.push({ value, items, size });
      size = 0;
    }
    for (;;) {
      const top = path.at(-1);
      if (!top) return;
      top.size += size;
      if (top.size > budget.limit) budget.take(top.size, "what it builds, shared objects written out,");
      const next = top.items.next();
      if (!next.done) {
        value = next.value;
        break;
      }
      path.pop();
      open.delete(top.value);
      sizes.set(top.value, top.size);
      size = top.size;
    }
  }
}
