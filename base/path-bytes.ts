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
    const length = sequenceLength(whole, at);
    out += length === 0 ? String.fromCharCode(0xdc00 + whole[at]) : whole.toString("utf8", at, at + length);
    at += Math.max(length, 1);
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

/** Bytes of the UTF-8 sequence that begins at `at`, 0 when none does. */
function sequenceLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    const text = bytes.toString("utf8", at, at + length);
    if (Buffer.from(text, "utf8").equals(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}
