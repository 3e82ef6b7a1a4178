/** @file JSON from files: in whatever Unicode it was saved, its memory charged before it is built, its faults by line. */
import { FileFormatError } from "../base/errors.js";
import { Budget } from "./budget.js";
import { decodeText, peekText } from "./text.js";

/** What V8 takes, a little rounded up: by the character that begins or follows it. */
const cost = { list: 56, object: 80, key: 40, item: 12, text: 32 };

/**
 * The value of a JSON file. @param file only for messages @param what it is, for messages
 * @throws FileFormatError MalformedFile: not JSON, with the place; or a small text of very many values
 */
export function parseJson(source: Uint8Array | string, file: string, what = "the file"): unknown {
  const text = typeof source === "string" ? source : decodeText(source, file);
  chargeValues(text, new Budget(file, source.length, "MalformedFile"), what);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    const detail = message.replace(/\s+/g, " ").replace(/ in JSON| \(line \d+ column \d+\)/g, "");
    throw new FileFormatError("MalformedFile", file, `${what} is not JSON: ${detail}${placeOf(text, message)}`, {
      cause,
    });
  }
}

/** Whether a file's content begins as JSON's objects and lists do; no pickle does. */
export function looksLikeJson(bytes: Uint8Array): boolean {
  return /^\s*[[{]/.test(peekText(bytes));
}

function chargeValues(text: string, budget: Budget, what: string): void {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: {
        const begin = i;
        for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
        bytes += cost.text + i - begin;
        break;
      }
      case 0x5b:
        bytes += cost.list;
        break;
      case 0x7b:
        bytes += cost.object;
        break;
      case 0x3a:
        bytes += cost.key;
        break;
      case 0x2c:
        bytes += cost.item;
    }
  }
  budget.take(bytes, `what ${what} describes`);
}

/** ", line 3, column 14" where V8 says at which character. */
function placeOf(text: string, message: string): string {
  const at = /at position (\d+)/.exec(message)?.[1];
  if (at === undefined) return "";
  const before = text.slice(0, Number(at));
  return `, line ${before.split("\n").length}, column ${before.length - before.lastIndexOf("\n")}`;
}
