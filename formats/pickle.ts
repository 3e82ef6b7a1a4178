/**
 * @file Reading pickles without Python and without risk: an allow-list of names, sizes checked before allocation.
 *
 * ```ts
 * const value = plain(readPickleFile("gnd_roxford5k.pkl"));      // objects, arrays, numbers; numpy arrays as HostTensors
 * const exact = readPickle(bytes, "ivf.pkl");                    // PyDict, PyTuple, PyFloat, …: see formats/python.ts
 * ```
 * Text that Python 2 wrote as 8-bit str is read as UTF-8 where it is valid UTF-8, else as latin-1.
 */
import { FileFormatError } from "../base/errors.js";
import { ByteCursor } from "./byte-cursor.js";
import { type AllowList, plainGlobals } from "./pickle-globals.js";
import { settled } from "./pickle-limits.js";
import type { PyValue } from "./python.js";
import { readFileBytes } from "./source.js";
import { unpickle } from "./unpickle.js";

export { plain } from "./python.js";

/**
 * The value of a plain pickle (data set description, cache): builtin containers, numpy arrays and scalars, paths as text.
 * @param fileName only for messages
 * @param keepUnknown see UnpickleOptions
 * @throws FileFormatError ForbiddenGlobal (any other global; nothing is ever run), Truncated, MalformedPickle,
 *   UnsupportedFeature (structured or complex arrays)
 */
export function readPickle(
  bytes: Uint8Array,
  fileName: string,
  globals: AllowList = plainGlobals,
  keepUnknown = false,
): PyValue {
  const cursor = new ByteCursor(bytes, fileName, "Truncated");
  const value = unpickle(cursor, { globals, keepUnknown });
  if (cursor.at !== bytes.length)
    throw new FileFormatError("MalformedPickle", fileName, `${bytes.length - cursor.at} bytes follow the pickle`);
  return settled(value, bytes.length, fileName);
}

/** `readPickle` of a whole file. */
export function readPickleFile(file: string): PyValue {
  return readPickle(readFileBytes(file), file);
}
