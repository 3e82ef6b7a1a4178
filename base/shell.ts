/** @file Words for a command line that a user will copy. */

/** The text as one word of a shell: as it is where that is safe, else in quotes. */
export function shellWord(text: string): string {
  if (/^[A-Za-z0-9_@%+=:,./\\-]+$/.test(text) && (process.platform === "win32" || !text.includes("\\"))) return text;
  if (process.platform === "win32") return `"${text.replaceAll('"', '""')}"`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
