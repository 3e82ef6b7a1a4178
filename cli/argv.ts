/** @file The arguments of the command line as the commands get them. */
import { readFileSync } from "node:fs";
import { decodeName } from "../base/path-bytes.js";

/** Two-letter short options of the original programs, which commander does not know, in their long form. */
const LONG: Readonly<Record<string, string>> = { "-ml": "--model-load", "-lm": "--loss-margin" };

/** Replaces `-ml X` and `-ml=X` by `--model-load X`, `-lm` by `--loss-margin`, up to a `--`. */
export function expandShortOptions(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.flatMap((arg, i) => {
    const [short] = arg.split("=", 1);
    const long = LONG[short];
    if ((end >= 0 && i > end) || !long) return [arg];
    return arg === short ? [long] : [long, arg.slice(short.length + 1)];
  });
}

/**
 * The arguments after the program's name. Node loses bytes that are no UTF-8, file names among them; Linux keeps them in
 * /proc, and there they are taken from (base/path-bytes.ts).
 */
export function programArguments(argv: readonly string[] = process.argv): string[] {
  const given = argv.slice(2);
  if (!given.some((arg) => arg.includes("\uFFFD"))) return given;
  try {
    const line = decodeName(readFileSync("/proc/self/cmdline"));
    const all = line.replace(/\0$/, "").split("\0");
    return all.length < given.length ? given : all.slice(all.length - given.length);
  } catch {
    return given;
  }
}
