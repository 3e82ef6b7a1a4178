/**
 * @file Arguments of the package's functions, checked where they come in: a wrong one is a `UsageError` that names it, before
 * anything is computed or kept.
 */
import { UsageError } from "./errors.js";
import { didYouMean } from "./suggest.js";

/** What an argument must be, in words, and whether one is that. */
export interface Rule {
  readonly expected: string;
  fits(value: unknown): boolean;
}

const rule = (expected: string, fits: (value: unknown) => boolean): Rule => ({ expected, fits });

/** A whole number in a range. */
export const whole = (least: number, most = Number.MAX_SAFE_INTEGER): Rule =>
  rule(
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${least}`
      : `a whole number from ${least} to ${most}`,
    (v) => Number.isSafeInteger(v) && (v as number) >= least && (v as number) <= most,
  );
/** Greater than 0; infinite only where that is said. */
export const positive = rule("a number above 0", (v) => typeof v === "number" && v > 0 && v < Number.POSITIVE_INFINITY);
export const finite = rule("a number", (v) => typeof v === "number" && Number.isFinite(v));
export const text = rule("a text", (v) => typeof v === "string");
export const flag = rule("true or false", (v) => typeof v === "boolean");
export const callable = rule("a function", (v) => typeof v === "function");
export const floats = rule("a Float32Array", (v) => v instanceof Float32Array);
export const byteArray = rule("a Uint8Array", (v) => v instanceof Uint8Array);
export const oneOf = (...values: readonly (string | number)[]): Rule =>
  rule(`one of ${values.map((v) => JSON.stringify(v)).join(", ")}`, (v) => values.includes(v as string));
export const orNull = ({ expected, fits }: Rule): Rule => rule(`null or ${expected}`, (v) => v === null || fits(v));
/** At least one, each as the rule says. */
export const listOf = ({ expected, fits }: Rule): Rule =>
  rule(`a list, each ${expected}`, (v) => Array.isArray(v) && v.length > 0 && v.every(fits));
export const anything = rule("anything", () => true);

/** @throws UsageError (Argument): "<name>: expected …, got …" */
export function checkArgument(name: string, value: unknown, { expected, fits }: Rule): void {
  if (!fits(value)) throw new UsageError("Argument", `${name}: expected ${expected}, got ${show(value)}`);
}

/**
 * An object of named options. Those in `rules` may be left out (undefined) unless they are `required`; any other is refused.
 * @param name of the function, for messages
 */
export function checkOptions(
  name: string,
  options: unknown,
  rules: Readonly<Record<string, Rule>>,
  required: readonly string[] = [],
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options) || ArrayBuffer.isView(options))
    throw new UsageError(
      "Argument",
      `${name}: expected options { ${Object.keys(rules).join(", ")} }, got ${show(options)}`,
    );
  for (const key in options)
    if (!Object.hasOwn(rules, key))
      throw new UsageError("Argument", `${name}: unknown option ${key} — ${known(key, Object.keys(rules))}`);
  for (const [key, its] of Object.entries(rules)) {
    const value = (options as Record<string, unknown>)[key];
    if (value !== undefined || required.includes(key)) checkArgument(`${name}: ${key}`, value, its);
  }
}

function known(key: string, names: readonly string[]): string {
  return didYouMean(key, names) || `known are ${names.join(", ")}`;
}

function show(value: unknown): string {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${(value as Uint8Array).length ?? "some"} values`;
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return `a ${value.constructor?.name ?? "bare object"}`;
  const shown = typeof value === "number" || value === undefined ? String(value) : JSON.stringify(value);
  return shown.length > 80 ? `${shown.slice(0, 77)}…` : shown;
}
