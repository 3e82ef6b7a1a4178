/** @file The opcodes of pickle protocols 0 to 5, one line each, and their textual number formats. */

import type { ByteCursor } from "./byte-cursor.js";
import { py2Str } from "./byte-text.js";
import type { Machine } from "./pickle-machine.js";
import { PyDict, PyFloat, PySet, PyTuple, type PyValue } from "./python.js";
import { PyUnknown } from "./unknown-globals.js";

type Step = (m: Machine, r: ByteCursor) => void;

/** Bytes or digits of one integer. */
const maxIntegerLength = 4096;

const small = (n: bigint): number | bigint => (Number.isSafeInteger(Number(n)) ? Number(n) : n);

/** Two's complement, little-endian. */
function long(m: Machine, r: ByteCursor, length: number): number | bigint {
  if (length < 0 || length > maxIntegerLength) throw m.malformed(`an integer of ${length} bytes`);
  if (length === 0) return 0;
  const hex = Buffer.from(r.take(length)).reverse().toString("hex");
  return small(BigInt.asIntN(8 * length, BigInt(`0x${hex}`)));
}

function decimal(m: Machine, text: string): number | bigint {
  if (text.length > maxIntegerLength || !/^[+-]?\d+$/.test(text)) throw m.malformed("not a decimal integer");
  return small(BigInt(text));
}

/** Protocol 0 and 1 wrote booleans as the integers 00 and 01. */
function intLine(m: Machine, text: string): PyValue {
  return text === "00" ? false : text === "01" ? true : decimal(m, text);
}

/** Characters of a decimal float: more than all digits that a float64 can have. */
const maxFloatLength = 1100;

function floatLine(m: Machine, text: string): PyFloat {
  if (text.length > maxFloatLength) throw m.malformed(`a float of ${text.length} characters`);
  const special: Record<string, number> = { inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY };
  if (/^-?nan$/.test(text)) return new PyFloat(Number.NaN);
  if (Object.hasOwn(special, text)) return new PyFloat(special[text]);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw m.malformed("not a decimal float");
  return new PyFloat(Number(text));
}

const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v", "\n": "" };

/** The bytes of a quoted Python 2 str with backslash escapes. */
function quoted(m: Machine, text: string): Uint8Array {
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote)
    throw m.malformed("unquoted STRING");
  const plain = text
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-fA-F]{2})|([0-7]{1,3})|(.))/gs, (_, hex, octal, other) =>
      hex || octal ? String.fromCharCode(Number.parseInt(hex ?? octal, hex ? 16 : 8) & 255) : (escapes[other] ?? other),
    );
  return Buffer.from(plain, "latin1");
}

/** Raw-unicode-escape: latin-1 with \uXXXX and \UXXXXXXXX. */
function unicodeLine(m: Machine, text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, four, eight) => {
    const code = Number.parseInt(four ?? eight, 16);
    if (code > 0x10ffff) throw m.malformed("not a character code");
    return String.fromCodePoint(code);
  });
}

function length(m: Machine, n: number): number {
  if (n < 0) throw m.malformed(`a length of ${n}`);
  return n;
}

function slot(m: Machine, text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n)) throw m.malformed("not a memo slot");
  return n;
}

const reduce: Step = (m) => {
  const [type, args] = m.popMany(2);
  m.call(type, args);
};

const list: readonly [code: number, name: string, step: Step][] = [
  [
    0x80,
    "PROTO",
    (m, r) => {
      if (r.u8() > 5) throw m.fail("UnsupportedFeature", "pickle protocol above 5");
    },
  ],
  // a hint for buffering, but what it promises must be there
  [0x95, "FRAME", (_, r) => r.require(r.u64())],
  [0x28, "MARK", (m) => m.mark()],
  [0x30, "POP", (m) => m.popOrMark()],
  [0x31, "POP_MARK", (m) => void m.popMark()],
  [0x32, "DUP", (m) => m.push(m.top())],

  [0x4e, "NONE", (m) => m.push(null)],
  [0x88, "NEWTRUE", (m) => m.push(true)],
  [0x89, "NEWFALSE", (m) => m.push(false)],
  [0x49, "INT", (m, r) => m.push(intLine(m, r.line()))],
  [0x4a, "BININT", (m, r) => m.push(r.i32())],
  [0x4b, "BININT1", (m, r) => m.push(r.u8())],
  [0x4d, "BININT2", (m, r) => m.push(r.u16())],
  [0x4c, "LONG", (m, r) => m.create(decimal(m, r.line().replace(/L$/, "")))],
  [0x8a, "LONG1", (m, r) => m.create(long(m, r, r.u8()))],
  [0x8b, "LONG4", (m, r) => m.create(long(m, r, r.i32()))],
  [0x46, "FLOAT", (m, r) => m.create(floatLine(m, r.line()))],
  [0x47, "BINFLOAT", (m, r) => m.create(new PyFloat(r.f64be()))],

  // Python 2's 8-bit str; protocol 3 and later have bytes of their own
  [0x53, "STRING", (m, r) => m.create(py2Str(quoted(m, r.line())))],
  [0x54, "BINSTRING", (m, r) => m.create(py2Str(r.take(length(m, r.i32()))))],
  [0x55, "SHORT_BINSTRING", (m, r) => m.create(py2Str(r.take(r.u8())))],
  [0x56, "UNICODE", (m, r) => m.create(unicodeLine(m, r.line()))],
  [0x58, "BINUNICODE", (m, r) => m.create(r.utf8(r.u32()))],
  [0x8c, "SHORT_BINUNICODE", (m, r) => m.create(r.utf8(r.u8()))],
  [0x8d, "BINUNICODE8", (m, r) => m.create(r.utf8(r.u64()))],
  [0x42, "BINBYTES", (m, r) => m.create(r.take(r.u32()))],
  [0x43, "SHORT_BINBYTES", (m, r) => m.create(r.take(r.u8()))],
  [0x8e, "BINBYTES8", (m, r) => m.create(r.take(r.u64()))],
  [0x96, "BYTEARRAY8", (m, r) => m.create(r.take(r.u64()))],

  [0x5d, "EMPTY_LIST", (m) => m.create([])],
  [0x6c, "LIST", (m) => m.create(m.popMark())],
  [0x61, "APPEND", (m) => m.append(m.popMany(1))],
  [0x65, "APPENDS", (m) => m.append(m.popMark())],
  [0x29, "EMPTY_TUPLE", (m) => m.create(new PyTuple([]))],
  [0x74, "TUPLE", (m) => m.create(new PyTuple(m.popMark()))],
  [0x85, "TUPLE1", (m) => m.create(new PyTuple(m.popMany(1)))],
  [0x86, "TUPLE2", (m) => m.create(new PyTuple(m.popMany(2)))],
  [0x87, "TUPLE3", (m) => m.create(new PyTuple(m.popMany(3)))],
  [0x7d, "EMPTY_DICT", (m) => m.create(new PyDict())],
  [
    0x64,
    "DICT",
    (m) => {
      const items = m.popMark();
      m.create(new PyDict());
      m.setItems(items);
    },
  ],
  [0x73, "SETITEM", (m) => m.setItems(m.popMany(2))],
  [0x75, "SETITEMS", (m) => m.setItems(m.popMark())],
  [0x8f, "EMPTY_SET", (m) => m.create(new PySet())],
  [0x90, "ADDITEMS", (m) => m.addItems(m.popMark())],
  [0x91, "FROZENSET", (m) => m.create(Object.assign(new PySet(m.popMark()), { frozen: true }))],

  [0x70, "PUT", (m, r) => m.remember(slot(m, r.line()))],
  [0x71, "BINPUT", (m, r) => m.remember(r.u8())],
  [0x72, "LONG_BINPUT", (m, r) => m.remember(r.u32())],
  [0x94, "MEMOIZE", (m) => m.remember()],
  [0x67, "GET", (m, r) => m.recall(slot(m, r.line()))],
  [0x68, "BINGET", (m, r) => m.recall(r.u8())],
  [0x6a, "LONG_BINGET", (m, r) => m.recall(r.u32())],

  [0x63, "GLOBAL", (m, r) => m.create(m.global(r.line(), r.line()))],
  [
    0x93,
    "STACK_GLOBAL",
    (m) => {
      const [module, name] = m.popMany(2);
      m.create(m.global(module, name));
    },
  ],
  [0x52, "REDUCE", reduce],
  [0x81, "NEWOBJ", reduce],
  [
    0x92,
    "NEWOBJ_EX",
    (m) => {
      const [type, args, named] = m.popMany(3);
      if (!(type instanceof PyUnknown) && (!(named instanceof PyDict) || named.size))
        throw m.malformed("NEWOBJ_EX with named arguments");
      m.call(type, args);
    },
  ],
  [
    0x69,
    "INST",
    (m, r) => {
      const type = m.global(r.line(), r.line());
      m.call(type, m.popMark());
    },
  ],
  [
    0x6f,
    "OBJ",
    (m) => {
      const [type = null, ...args] = m.popMark();
      m.call(type, args);
    },
  ],
  [0x62, "BUILD", (m) => m.build()],
  [0x50, "PERSID", (m, r) => m.persistent(r.line())],
  [0x51, "BINPERSID", (m) => m.persistent(m.pop())],

  ...[0x82, 0x83, 0x84].map((code, i): [number, string, Step] => [
    code,
    `EXT${1 << i}`,
    (m) => {
      throw m.fail("ForbiddenGlobal", "a global by its number in Python's extension registry; nothing was run");
    },
  ]),
  ...[0x97, 0x98].map((code): [number, string, Step] => [
    code,
    "NEXT_BUFFER",
    (m) => {
      throw m.fail("UnsupportedFeature", "buffers outside the pickle");
    },
  ]),
];

/** By opcode byte; a hole is an unknown opcode. STOP is handled by the machine. */
export const opcodes: readonly (Step | undefined)[] = (() => {
  const table = new Array<Step | undefined>(256).fill(undefined);
  for (const [code, , step] of list) table[code] = step;
  return table;
})();
