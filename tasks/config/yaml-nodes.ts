/**
 * @file What YAML can say beyond plain data, found in the document before values are made of it: names that stand for
 * nothing, that contain themselves or multiply what they stand for, keys that are lists, keys written twice.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from "yaml";

/** What is wrong, and the offset in the text where. */
export interface NodeProblem {
  readonly problem: string;
  readonly at: number;
}

/** Values of a configuration, aliases written out: thousands of times what the longest one has. */
const maxValues = 100_000;
/** Levels of lists and mappings in each other. */
const maxDepth = 100;

/** The first thing in a document that plain data cannot be; undefined when all is well. */
export function problemIn(document: Document): NodeProblem | undefined {
  const sizes = new Map<Node, number>();
  const open = new Set<Node>();

  const fail = (node: Node, problem: string): never => {
    throw new Found({ problem, at: node.range?.[0] ?? 0 });
  };

  /** Number of values that a node stands for. */
  const sizeOf = (node: unknown): number => {
    if (isAlias(node)) {
      const source = node.resolve(document);
      if (!source) return fail(node, `*${node.source} names nothing before it`);
      if (open.has(source)) return fail(node, `*${node.source} stands inside what it names`);
      return bounded(node, sizeOf(source));
    }
    if (!isMap(node) && !isSeq(node)) return 1;
    const known = sizes.get(node);
    if (known !== undefined) return known;
    if (open.size >= maxDepth) fail(node, `lists and mappings nested deeper than ${maxDepth}`);
    open.add(node);
    let size = 1;
    if (isSeq(node)) for (const item of node.items) size = bounded(node, size + sizeOf(item));
    else {
      const keys = new Set<unknown>();
      for (const { key, value } of node.items) {
        const named = isAlias(key) ? key.resolve(document) : key;
        if (!isScalar(named)) return fail(isAlias(key) ? key : node, "a key that is no text");
        // merges may be several
        if (keys.has(named.value) && named.value !== "<<") fail(named, `the key ${String(named.value)} a second time`);
        keys.add(named.value);
        size = bounded(node, size + sizeOf(value));
      }
    }
    open.delete(node);
    sizes.set(node, size);
    return size;
  };

  const bounded = (node: Node, size: number): number =>
    size > maxValues ? fail(node, `more than ${maxValues} values once aliases are written out`) : size;

  try {
    sizeOf(document.contents);
  } catch (e) {
    if (e instanceof Found) return e.found;
    throw e;
  }
  return undefined;
}

/** Leaves the recursion with what it found. */
class Found extends Error {
  constructor(readonly found: NodeProblem) {
    super(found.problem);
  }
}
