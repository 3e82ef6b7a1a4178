/** @file Text as editors and tables programs save it: UTF-8 with or without a byte order mark, or UTF-16. */
import { FileFormatError } from "../base/errors.js";
import { decodeName } from "../base/path-bytes.js";

/**
 * A text without its byte order mark. UTF-16 is known by its mark, or by the zeros of its first two characters. In UTF-8,
 * bytes that belong to no character are kept apart as base/path-bytes.ts does: they may be names of files.
 * @param expected what it should be, for messages
 * @throws FileFormatError MalformedFile for UTF-16 that is damaged, and for what is no text
 */
export function decodeText(bytes: Uint8Array, file: string, expected = "a text"): string {
  const order = utf16Order(bytes);
  const text = order ? decodeUtf16(bytes, order, file) : decodeName(bytes);
  if (text.includes("\0"))
    throw new FileFormatError("MalformedFile", file, `expected ${expected}, the file is no text`);
  return text.replace(/^\uFEFF/, "");
}

/** The first characters of what may be a text; nothing is thrown. */
export function peekText(bytes: Uint8Array): string {
  const head = bytes.subarray(0, 64);
  const order = utf16Order(head);
  return new TextDecoder(order ? `utf-16${order}` : "utf-8").decode(head);
}

function utf16Order([a, b, c, d]: Uint8Array): "le" | "be" | undefined {
  if ((a === 0xff && b === 0xfe) || (a && b === 0 && c && d === 0)) return "le";
  return (a === 0xfe && b === 0xff) || (a === 0 && b && c === 0 && d) ? "be" : undefined;
}

function decodeUtf16(bytes: Uint8Array, order: "le" | "be", file: string): string {
  try {
    return new TextDecoder(`utf-16${order}`, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FileFormatError("MalformedFile", file, "begins like UTF-16 and is none; save it as UTF-8", { cause });
  }
}
