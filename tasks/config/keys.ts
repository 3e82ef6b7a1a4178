/** @file Turns a schema's complaint into the one line a user needs: which key, what was expected, what it may mean. */
import { z } from "zod";
import { UsageError } from "../../base/errors.js";
import { didYouMean, nearNames, question, slipsOf } from "../../base/suggest.js";
import { locate } from "./locate.js";
import type { Override } from "./override.js";
import { describe, isMap, type Yaml } from "./yaml.js";

/**
 * Validates `value` and fills in defaults.
 * @param file named in errors with the line of the key, unless the key came from one of `overrides`, whose option is named
 * @throws UsageError with the first problem: an unknown key (and the nearest known one) or a value of the wrong kind
 */
export function validate<S extends z.ZodType>(
  schema: S,
  value: Yaml,
  file: string,
  overrides: readonly Override[] = [],
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues);
  if (issue.code === "unrecognized_keys") {
    const path = [...issue.path.map(String), issue.keys[0]];
    throw new UsageError("UnknownKey", `${origin(path, file, overrides)}: ${unknownKey(schema, path)}`);
  }
  const path = issue.path.map(String);
  const got = path.reduce<unknown>((v, key) => (v as Record<string, unknown> | undefined)?.[key], value);
  throw new UsageError(
    "BadValue",
    // what is missing was asked for by what stands beside it
    `${origin(got === undefined ? path.slice(0, -1) : path, file, overrides)}: ${path.join(".") || "(file)"}: ${complaint(issue)}${gotten(issue, got)}${hint(issue, got)}`,
  );
}

function gotten({ message }: Issue, got: unknown): string {
  return message.includes(", got ") ? "" : `, got ${describe(got)}`;
}

/** What a word that is not one of a few probably meant. */
function hint(issue: Issue, got: unknown): string {
  if (issue.code !== "invalid_value" || typeof got !== "string") return "";
  const meant = didYouMean(got, issue.values.map(String));
  return meant && `; ${meant}`;
}

/** Every key path of a schema, parents included: `evaluation`, `evaluation.inference`, … */
export function keyPaths(schema: z.ZodType): string[] {
  const paths: string[] = [];
  walk(z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }), "");
  return [...new Set(paths)];

  function walk(node: unknown, prefix: string): void {
    if (!isMap(node)) return;
    for (const branch of [node.anyOf, node.oneOf, node.allOf]) {
      if (Array.isArray(branch)) for (const option of branch) walk(option, prefix);
    }
    // The entries of a list have the keys of the list: positions are no part of a key's name.
    walk(node.items, prefix);
    if (!isMap(node.properties)) return;
    for (const [key, child] of Object.entries(node.properties)) {
      paths.push(prefix + key);
      walk(child, `${prefix}${key}.`);
    }
  }
}

/** The key of the first level that is taken off before a file is checked. */
const EXPERIMENT = "experiment";

/** Near names beside it are meant first, then its last part or its whole path anywhere in the file. */
function unknownKey(schema: z.ZodType, path: string[]): string {
  const named = path.filter((key) => !/^\d+$/.test(key));
  const key = named[named.length - 1];
  const parent = named.slice(0, -1).join(".");
  const all = [...keyPaths(schema), EXPERIMENT];
  const siblings = all.filter((p) => parentOf(p) === parent);
  const near = [
    withLast(siblings, nearNames(key, siblings.map(lastOf))),
    all.filter((p) => lastOf(p) === key),
    slipsOf(named.join("."), all),
    withLast(all, slipsOf(key, all.map(lastOf))),
  ].find((paths) => paths.length > 0);
  const known = `known here: ${siblings.map(lastOf).join(", ") || "nothing"}`;
  return `${path.join(".")}: unknown key; ${near ? question(near.slice(0, 3)) : known}`;
}

function withLast(paths: readonly string[], names: readonly string[]): string[] {
  return paths.filter((p) => names.includes(lastOf(p)));
}

const lastOf = (path: string) => path.slice(path.lastIndexOf(".") + 1);
const parentOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf(".")));

type Issue = z.core.$ZodIssue;

/** A union's own complaint says nothing: take that of the branch that was meant. */
function deepest(issues: readonly Issue[]): Issue {
  const unknown = issues.find((i) => i.code === "unrecognized_keys");
  const issue = unknown ?? issues[0];
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return issue;
  if (issue.message !== "Invalid input") return { ...issue, code: "custom" } as Issue; // the schema has its own words
  const ofKind = issue.errors.filter(([i]) => i.path.length > 0 || !["invalid_type", "invalid_value"].includes(i.code));
  if (ofKind.length === 0) {
    const kinds = new Set(issue.errors.map((branch) => wanted(deepest(branch))));
    return { ...issue, code: "custom", message: `expected ${[...kinds].join(" or ")}` } as Issue;
  }
  // The form that was probably meant is the one with the fewest complaints.
  const pick = deepest(ofKind.reduce((best, branch) => (branch.length < best.length ? branch : best)));
  return { ...pick, path: [...issue.path, ...pick.path] };
}

function wanted(issue: Issue): string {
  if (issue.code === "invalid_type") return plainType(issue.expected);
  if (issue.code === "invalid_value") return issue.values.map(String).join(" or ");
  return issue.message;
}

function complaint(issue: Issue): string {
  if (issue.code === "invalid_type" || issue.code === "invalid_value") return `expected ${wanted(issue)}`;
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

function plainType(expected: string): string {
  const names: Record<string, string> = {
    int: "a whole number",
    number: "a number",
    string: "text",
    boolean: "true or false",
    array: "a list",
    object: "a mapping",
    record: "a mapping",
    null: "null",
  };
  return names[expected] ?? expected;
}

/** What a value came from: the option's name, or the file with its line. */
export function origin(path: readonly string[], file: string, overrides: readonly Override[]): string {
  const name = path.join(".");
  const from = overrides.findLast(
    (o) => name === o.path || name.startsWith(`${o.path}.`) || o.path.startsWith(`${name}.`),
  );
  return from?.source ?? locate(file, path);
}
