/** @file The two-letter short options of the original programs, which commander does not know, in their long form. */

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
