/** @file The original's two-letter short option `-ml`, which commander does not know, in its long form. */

/** Replaces `-ml X` and `-ml=X` by `--model-load X`, up to a `--`. */
export function expandShortOptions(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.flatMap((arg, i) => {
    if (end >= 0 && i > end) return [arg];
    if (arg === "-ml") return ["--model-load"];
    return arg.startsWith("-ml=") ? ["--model-load", arg.slice(4)] : [arg];
  });
}
