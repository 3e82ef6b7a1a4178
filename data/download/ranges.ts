/** @file What the headers say about lengths: `Content-Length` and `Content-Range`. */

/** What a Content-Range header says about the part that was asked for. */
export type RangeAnswer =
  /** The bytes from there on, `length` of them, perhaps not yet all. */
  | { readonly kind: "rest"; readonly length: number; readonly total: number }
  /** There is nothing from there on: the file ends just before. */
  | { readonly kind: "end"; readonly total: number }
  /** Anything else. */
  | { readonly kind: "other" };

/** @param from first byte that was asked for */
export function expectedPart(header: string | undefined, from: number): RangeAnswer {
  const match = /^bytes\s+(?:(\d+)-(\d+)|\*)\/(\d+)$/i.exec(header?.trim() ?? "");
  if (!match) return { kind: "other" };
  const [begin, last, total] = match.slice(1).map((text) => (text === undefined ? undefined : Number(text)));
  if (total === undefined || !Number.isSafeInteger(total)) return { kind: "other" };
  if (begin === undefined || last === undefined) return total === from ? { kind: "end", total } : { kind: "other" };
  return begin === from && begin <= last && last < total
    ? { kind: "rest", length: last - begin + 1, total }
    : { kind: "other" };
}

/** A whole number of bytes, or null where there is none. */
export function readLength(header: string | undefined): number | null {
  if (header === undefined || !/^\d+$/.test(header)) return null;
  const length = Number(header);
  return Number.isSafeInteger(length) ? length : null;
}
