/** @file Option values from text: what commander does not know by itself. */
import { InvalidArgumentError, Option } from "commander";
import { parseYaml } from "../tasks/config/yaml.js";
import type { DeviceChoice } from "../tasks/open-model.js";

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
export const NO_TUNE = new Option("--no-tune", "kernels by capability: no timing, none from an earlier run");

export const PRECISION = new Option(
  "--precision <p>",
  "f32, or f16: products of halves, whose error is printed",
).choices(["f32", "f16"]);

/** Flags as a task takes them. @param news is told what is timed and kept */
export function deviceChoice(
  { device, memory, tune, precision }: DeviceFlags,
  news: (line: string) => void,
): DeviceChoice {
  return { device, memory, tune, precision, news };
}

/** "[1, 0.5]", "1,0.5" or "1" → numbers above 0. */
export function parseScales(text: string): number[] {
  const list = parseList(text);
  if (!list.every((v): v is number => typeof v === "number" && v > 0) || list.length === 0) {
    throw new InvalidArgumentError('Expected numbers above 0 such as "[1, 0.5]".');
  }
  return list;
}

/** A whole number from 1 on, or null for "null" or "all". */
export function parseFeaturesNum(text: string): number | null {
  if (text === "null" || text === "all") return null;
  return parseCount(text);
}

/** A whole number from 1 on. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("Expected a whole number from 1 on.");
  return Number(text);
}

/** A whole number from 0 on. */
export function parseWhole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("Expected a whole number from 0 on.");
  return Number(text);
}

/** A number from 0 to 1. */
export function parseFraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("Expected a number from 0 to 1.");
  return value;
}

/** "512M", "2G", "1.5GB", "800000000" → bytes; K, M, G are powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG])?i?B?$/i.exec(text);
  if (!match) throw new InvalidArgumentError('Expected an amount such as "512M" or "2G".');
  const power = " KMG".indexOf((match[2] ?? " ").toUpperCase());
  return Math.floor(Number(match[1]) * 1024 ** power);
}

/** For an option that may be given several times, or once with several values. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Data sets as words, or as one list in YAML or JSON: `roxford5k rparis6k`, `'["roxford5k"]'`. */
export function parseDatasets(words: readonly string[]): unknown[] {
  return words.flatMap((word) => (/^\s*[[{]/.test(word) ? parseList(word) : [word]));
}

function parseList(text: string): unknown[] {
  const value = parseYaml(/^\s*[[{]/.test(text) ? text : `[${text}]`, text);
  return Array.isArray(value) ? value : [value];
}
