/**
 * @file File names that are no UTF-8, kept whole in strings. A byte that cannot be decoded stands as a lone surrogate
 * U+DC80 … U+DCFF (Python's "surrogateescape"), so a name survives lists, sorting and JSON, and the file is found again.
 */

/** A name as the system holds it, decoded; bytes that are no UTF-8 become U+DC80 … U+DCFF. */
export function decodeName(bytes: Uint8Array): string {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = whole.toString("utf8");
  if (!text.includes("\uFFFD") || Buffer.from(text, "utf8").equals(whole)) return text;
  let out = "";
  for (let at = 0; at < whole.length; ) {
    let end = at;
    for (let length = sequenceLength(whole, end); length > 0; length = sequenceLength(whole, end)) end += length;
    out += whole.toString("utf8", at, end);
    if (end < whole.length) out += String.fromCharCode(0xdc00 + whole[end++]);
    at = end;
  }
  return out;
}

/** What Node's file functions are to be given for a path: the string itself, or its bytes when it holds escaped ones. */
export function systemPath(path: string): string | Buffer {
  if (!/[\uDC80-\uDCFF]/.test(path)) return path;
  const parts: Buffer[] = [];
  for (const character of path) {
    const code = character.codePointAt(0) as number;
    parts.push(code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(character, "utf8"));
  }
  return Buffer.concat(parts);
}

/** Bytes of the UTF-8 sequence that begins at `at`, 0 when none does (Unicode 3.9, table 3-7). */
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === undefined || (first >= 0x80 && first < 0xc2) || first > 0xf4) return 0;
  if (first < 0x80) return 1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // no overlong forms, no surrogates, nothing beyond U+10FFFF
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (!(bytes[at + 1] >= least && bytes[at + 1] <= most)) return 0;
  for (let i = 2; i < length; i++) if (!(bytes[at + i] >= 0x80 && bytes[at + i] <= 0xbf)) return 0;
  return length;
}
