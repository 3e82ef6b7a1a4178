/** @file What a name that is not known may have meant: one measure for commands, options, keys, data sets, files. */
import { distance } from "fastest-levenshtein";

/** More would be a list, not a hint. */
const MOST = 3;

/**
 * The known names that `given` is probably a slip of, at most three; none when nothing is near. Case, blanks and separators
 * do not count (`imagesize` is `image-size`), two neighbouring letters in the wrong order are one slip (`fier`), and as many
 * slips are forgiven as the word is long: none in two letters, one in three, four in twelve and more.
 */
export function slipsOf(given: string, known: readonly string[]): string[] {
  const word = plain(given);
  if (word === "") return [];
  const names = [...new Set(known)];
  const limit = Math.min(4, Math.floor(word.length / 3));
  // A word of another length takes at least as many slips: nothing is measured against a name of thousands of letters.
  const near = (name: string) => Math.abs(word.length - name.length) <= limit;
  const slips = names.map(plain).map((name) => (near(name) ? edits(word, name) : limit + 1));
  const least = Math.min(limit + 1, ...slips);
  return least > limit ? [] : names.filter((_, i) => slips[i] === least).slice(0, MOST);
}

/** The same; where there is no slip of the pen, names that hold the given one, or begin or end it: `r50` → `eval_how_r50-_1000`. */
export function nearNames(given: string, known: readonly string[]): string[] {
  const slips = slipsOf(given, known);
  const word = plain(given);
  return slips.length > 0 ? slips : [...new Set(known)].filter((name) => holds(word, plain(name))).slice(0, MOST);
}

/** `did you mean a, b or c?` as the hint of an error; "" when no known name is near. */
export function didYouMean(given: string, known: readonly string[]): string {
  return question(nearNames(given, known));
}

/** `did you mean a, b or c?`, or "" for no name. */
export function question(names: readonly string[]): string {
  if (names.length === 0) return "";
  const last = names[names.length - 1];
  return `did you mean ${names.length === 1 ? last : `${names.slice(0, -1).join(", ")} or ${last}`}?`;
}

function plain(name: string): string {
  return name
    .toLowerCase()
    .replace(/\.ya?ml$/, "")
    .replace(/[-_.\s]/g, "");
}

/** Letters added, left out, replaced, or two neighbours swapped once. */
function edits(a: string, b: string): number {
  let least = distance(a, b);
  for (let i = 1; i < a.length && least > 1; i++) {
    const swapped = a.slice(0, i - 1) + a[i] + a[i - 1] + a.slice(i + 1);
    least = Math.min(least, 1 + distance(swapped, b));
  }
  return least;
}

/** Is the word a part of the name, or the name (of four letters and more) the beginning or the end of the word? */
function holds(word: string, name: string): boolean {
  return (
    word.length >= 3 && (name.includes(word) || (name.length >= 4 && (word.startsWith(name) || word.endsWith(name))))
  );
}
