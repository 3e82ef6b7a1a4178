/**
 * @file Names from files and folders are text of strangers: shown raw, a control character would colour, move or retitle the
 * terminal, and an override of direction would make one name look like another. They are shown escaped, as in a string.
 */

/** C0 but tab and line feed, DEL, C1, marks and overrides of direction, line separators, halves of characters. */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** A text of several lines, everything that is not seen as \x1b or \u202e. */
export function visibleText(text: string): string {
  return text.replace(UNSEEN, (c) => escaped(c.charCodeAt(0)));
}

/** The same of one line: a name may hold a line feed too. */
export function visibleLine(text: string): string {
  return visibleText(text).replaceAll("\n", "\\n");
}

/** JSON that is the same value and pure text: what JSON leaves raw is escaped as JSON does. */
export function visibleJson(value: unknown, indent?: number): string {
  const unicode = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, indent).replace(UNSEEN, unicode);
}

function escaped(code: number): string {
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}
