/**
 * @file What a pickle built must be a finite tree of sane depth. The memo allows an object inside itself, nesting a
 * million deep, and "a list of twice a list of twice …": small files that would hang or overflow whoever walks them.
 */
import { FileFormatError } from "../base/errors.js";
import { BlankArray } from "./numpy.js";
import { ObjectArray, PyDict, PySet, PyTuple, type PyValue } from "./python.js";

const maxDepth = 500;
/** Values met when walking without noticing what is shared: at least this many are allowed. */
const freeValues = 10_000_000;

function* noItems(): Generator<PyValue> {}

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
 * Refuses what cannot be walked. `bytes` is the size of the pickle: sharing may make the tree 64 times larger than that.
 * @throws FileFormatError MalformedPickle
 */
export function checkTree(root: PyValue, bytes: number, file: string): void {
  const fault = treeFault(root, bytes);
  if (fault) throw new FileFormatError("MalformedPickle", file, fault);
}

/** Undefined when all is well, else what is wrong. */
function treeFault(root: PyValue, bytes: number): string | undefined {
  const limit = Math.max(freeValues, 64 * bytes);
  const sizes = new Map<PyValue, number>();
  const open = new Set<PyValue>();
  const path: { value: PyValue; items: Iterator<PyValue>; size: number }[] = [];
  let value = root;
  for (;;) {
    if (value instanceof BlankArray) return "an array without content";
    const known = sizes.get(value);
    const items = known === undefined ? itemsOf(value) : noItems();
    let size = known ?? 1;
    if (items && known === undefined) {
      if (open.has(value)) return "an object that contains itself";
      if (path.length >= maxDepth) return `nested deeper than ${maxDepth}`;
      open.add(value);
      path.push({ value, items, size: 1 });
      size = 0;
    }
    for (;;) {
      const top = path.at(-1);
      if (!top) return undefined;
      top.size += size;
      if (top.size > limit) return `more than ${limit} values once shared objects are written out`;
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
