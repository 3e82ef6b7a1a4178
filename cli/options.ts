/** @file Option values from text: what commander does not know by itself. */
import { InvalidArgumentError, Option } from "commander";
import { UsageError } from "../base/errors.js";
import { MAX_IMAGE_SIZE, MAX_SCALE, MIN_SCALE } from "../tasks/config/parts.js";
import { parseYaml } from "../tasks/config/yaml.js";
import type { DeviceChoice } from "../tasks/open-model.js";
import type { Progress } from "../tasks/progress.js";
import type { OnError } from "../tasks/skips.js";

/** What the options below give. */
export interface DeviceFlags {
  device?: string;
  memory?: number;
  /** false with --no-tune. */
  tune?: boolean;
  precision?: DeviceChoice["precision"];
}

/** The options of all commands that compute. */
export const DEVICE = new Option("--device <which>", "see fire-gpu devices");
export const MEMORY = new Option("--memory <bytes>", "GPU memory to hold at most, for example 2G").argParser(
  parseBytes,
);
export const NO_TUNE = new Option("--no-tune", "kernels by capability, none that were timed");

export const FORCE = new Option("-f, --force", "replace files that fire-gpu did not write itself");

export const PRECISION = new Option(
  "--precision <p>",
  "f32, or f16: products of halves, whose error is printed",
).choices(["f32", "f16"]);

/** `--on-error` of a command. @param otherwise its default */
export function onErrorOption(otherwise: OnError): Option {
  const text = `photos that cannot be used: skip leaves them out and lists them (default: ${otherwise})`;
  return new Option("--on-error <what>", text).choices(["skip", "stop"]);
}

/** Flags as a task takes them. @param progress is told what is timed and kept, and warned */
export function deviceChoice(
  { device, memory, tune, precision }: DeviceFlags,
  progress: Pick<Progress, "note" | "warn">,
): DeviceChoice {
  const [news, warn] = [progress.note.bind(progress), progress.warn.bind(progress)];
  return { device, memory, tune, precision, news, warn };
}

/** "[1, 0.5]", "1,0.5" or "1" → numbers between the least and the largest scale that a configuration may hold. */
export function parseScales(text: string): number[] {
  const list = listOr(text, () => []);
  if (!list.every((v): v is number => typeof v === "number" && v >= MIN_SCALE && v <= MAX_SCALE) || list.length === 0)
    throw new InvalidArgumentError(`Expected numbers from ${MIN_SCALE} up to ${MAX_SCALE} such as "[1, 0.5]".`);
  return list;
}

/** How many descriptors an image; "all" stays a word, for commander takes null for a value that is missing. */
export type FeaturesNum = number | "all";

/** A whole number from 1 on, or "all" (also written "null", as in YAML). */
export function parseFeaturesNum(text: string): FeaturesNum {
  if (text === "null" || text === "all") return "all";
  return whole(text, 1, Number.MAX_SAFE_INTEGER, 'Expected a whole number from 1 on, or "all".');
}

/** As tasks take it: null keeps all, undefined leaves it to who knows better. */
export function featuresLimit(given: FeaturesNum): number | null;
export function featuresLimit(given: FeaturesNum | undefined): number | null | undefined;
export function featuresLimit(given: FeaturesNum | undefined): number | null | undefined {
  return given === "all" ? null : given;
}

/** A whole number from 1 on. */
export function parseCount(text: string): number {
  return whole(text, 1, Number.MAX_SAFE_INTEGER, "Expected a whole number from 1 on.");
}

/** A whole number from 0 on. */
export function parseWhole(text: string): number {
  return whole(text, 0, Number.MAX_SAFE_INTEGER, "Expected a whole number from 0 on.");
}

/** A whole number from `low` to `high`. */
export function parseWithin(low: number, high: number): (text: string) => number {
  return (text) => whole(text, low, high, `Expected a whole number from ${low} to ${high}.`);
}

/** Pixels of the longer side of a photo. */
export const parseImageSize = parseWithin(1, MAX_IMAGE_SIZE);

function whole(text: string, low: number, high: number, expected: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < low || value > high) throw new InvalidArgumentError(expected);
  return value;
}

/** A whole odd number from 1 on. */
export function parseOdd(text: string): number {
  const value = whole(text, 1, 99, ODD);
  if (value % 2 === 0) throw new InvalidArgumentError(ODD);
  return value;
}
const ODD = "Expected an odd number from 1 to 99.";

/** A number from 0 to 1. */
export function parseFraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("Expected a number from 0 to 1.");
  return value;
}

/** A number above 0. */
export function parsePositive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("Expected a number above 0.");
  return value;
}

/** "512M", "2G", "1.5GB", "800000000" → bytes; K, M, G, T are powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT])?i?B?$/i.exec(text);
  const power = " KMGT".indexOf((match?.[2] ?? " ").toUpperCase());
  const bytes = match ? Math.floor(Number(match[1]) * 1024 ** power) : 0;
  if (bytes < 1 || !Number.isSafeInteger(bytes))
    throw new InvalidArgumentError('Expected an amount above 0 such as "512M" or "2G".');
  return bytes;
}

/** For an option that may be given several times, or once with several values. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/**
 * Data sets as words, or as one list in YAML or JSON: `roxford5k rparis6k`, `'["roxford5k"]'`.
 * @throws UsageError when a list is none
 */
export function parseDatasets(words: readonly string[]): unknown[] {
  return words.flatMap((word) =>
    /^\s*[[{]/.test(word)
      ? listOr(word, () => {
          throw new UsageError(
            "BadYaml",
            `--datasets-local ${word}: expected names, or a list in YAML such as [roxford5k, {name: mine, images: photos/}]`,
          );
        })
      : [word],
  );
}

/** The values of a list in YAML, whose brackets may be left out; `otherwise` where the text is no YAML. */
function listOr(text: string, otherwise: () => unknown[]): unknown[] {
  let value: unknown;
  try {
    value = parseYaml(/^\s*[[{]/.test(text) ? text : `[${text}]`, text);
  } catch (error) {
    if (error instanceof UsageError) return otherwise();
    throw error;
  }
  return Array.isArray(value) ? value : [value];
}
