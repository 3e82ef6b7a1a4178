/**
 * @file Reads WGSL kernels and specialises them by constants. Override constants cannot size private arrays, unroll
 * loops or name a broadcast's lane, so the text itself is specialised, with four directives and nothing more:
 *
 *   //# const ROWS = 16           a default; the caller's constants win
 *   //# include "common/x.wgsl"   that file's text in place
 *   //# for r in 0..ROWS          the lines up to the matching `//# end`, once for each r (end exclusive)
 *   //# if EXPR / //# else        the lines of one branch
 *
 * and `${EXPR}` in any line: an integer expression over constants and loop names.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../base/paths.js";

export type Constants = Readonly<Record<string, number | string>>;

const sources = new Map<string, string>();

function source(file: string): string {
  let text = sources.get(file);
  if (text === undefined) {
    text = readFileSync(join(packageRoot(), "shaders", file), "utf8");
    sources.set(file, text);
  }
  return text;
}

/** The WGSL text of `shaders/<file>` under the given constants. @throws Error with file and line on a bad directive. */
export function specialise(file: string, constants: Constants): string {
  const scope: Record<string, number | string> = { ...constants };
  const out: string[] = [];
  expand(file, lines(file), scope, out, new Set(Object.keys(constants)));
  return out.join("\n");
}

interface Line {
  readonly text: string;
  readonly at: string;
}

function lines(file: string): Line[] {
  return source(file)
    .split("\n")
    .map((text, i) => ({ text, at: `shaders/${file}:${i + 1}` }));
}

function expand(
  file: string,
  body: Line[],
  scope: Record<string, number | string>,
  out: string[],
  given: Set<string>,
): void {
  for (let i = 0; i < body.length; i++) {
    const { text, at } = body[i];
    const directive = /^\s*\/\/#\s*(\w+)\s*(.*?)\s*$/.exec(text);
    if (!directive) {
      out.push(text.replace(/\$\{([^}]*)\}/g, (_, e: string) => String(evaluate(e, scope, at))));
      continue;
    }
    const [, word, rest] = directive;
    if (word === "const") {
      const [, name, value] = /^(\w+)\s*=\s*(.+)$/.exec(rest) ?? bad(at, rest);
      if (!given.has(name)) scope[name] = evaluate(value, scope, at);
    } else if (word === "include") {
      const [, name] = /^"(.+)"$/.exec(rest) ?? bad(at, rest);
      expand(name, lines(name), scope, out, given);
    } else if (word === "for" || word === "if") {
      const { end, middle } = blockEnd(body, i);
      if (word === "for") {
        const [, name, from, to] = /^(\w+) in (.+)\.\.(.+)$/.exec(rest) ?? bad(at, rest);
        const last = Number(evaluate(to, scope, at));
        for (let v = Number(evaluate(from, scope, at)); v < last; v++)
          expand(file, body.slice(i + 1, end), Object.assign(Object.create(scope), { [name]: v }), out, given);
      } else if (evaluate(rest, scope, at)) expand(file, body.slice(i + 1, middle), scope, out, given);
      else if (middle < end) expand(file, body.slice(middle + 1, end), scope, out, given);
      i = end;
    } else bad(at, text);
  }
}

/** Index of the `end` that closes the block at `start`, and of its `else` (or of the end). */
function blockEnd(body: Line[], start: number): { end: number; middle: number } {
  let depth = 0;
  let middle = -1;
  for (let i = start; i < body.length; i++) {
    const word = /^\s*\/\/#\s*(\w+)/.exec(body[i].text)?.[1];
    if (word === "for" || word === "if") depth++;
    else if (word === "else" && depth === 1) middle = i;
    else if (word === "end" && --depth === 0) return { end: i, middle: middle < 0 ? i : middle };
  }
  return bad(body[start].at, "no matching end");
}

function bad(at: string, text: string): never {
  throw new Error(`${at}: not a directive of engine/shader.ts: ${text}`);
}

const compiled = new Map<string, { names: string[]; run: (...values: (number | string)[]) => number | string }>();

/** Evaluates an expression over the scope. The texts are this package's own files, so a compiled function is safe. */
function evaluate(expression: string, scope: Record<string, number | string>, at: string): number | string {
  const name = expression.trim();
  if (/^\d+$/.test(name)) return Number(name);
  let entry = compiled.get(name);
  if (!entry) {
    const names = [...new Set(name.match(/[A-Za-z_]\w*/g) ?? [])].filter(
      (n) => n !== "Math" && n !== "floor" && n !== "min" && n !== "max",
    );
    entry = {
      names,
      run: new Function(...names, `return (${name});`) as (...values: (number | string)[]) => number | string,
    };
    compiled.set(name, entry);
  }
  const values = entry.names.map((n) => (n in scope ? scope[n] : bad(at, `unknown constant ${n}`)));
  const result = entry.run(...values);
  return typeof result === "number" ? Math.floor(result) : typeof result === "boolean" ? Number(result) : result;
}
