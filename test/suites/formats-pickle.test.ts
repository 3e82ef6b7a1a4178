/** @file The unpickler: every protocol, nothing forbidden, nothing that crashes. */
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileFormatError } from "../../base/errors.js";
import { plain, readPickle, readPickleFile } from "../../formats/pickle.js";
import { NdArray, PyDict, PyFloat, PySet, PyTuple } from "../../formats/python.js";
import { failureOf, fixture, flipped, pickleOf } from "../support/format-files.js";

const test = suite("formats-pickle");
const read = (bytes: Uint8Array) => readPickle(bytes, "test.pkl");
const base64 = (text: string) => Buffer.from(text, "base64");

// pickle.dumps({"a": [1, -2, 2**40, 2**70, True, None, 1.5, "é漢\n'", b"\x00\xff", (1,), {3}], "o": OrderedDict(x=1),
//   "d": defaultdict(list, k=[1]), "p": PurePosixPath("/a/b"), 5: bytearray(b"xyz")}, protocol) by CPython 3.11
const byProtocol = [
  "KGRwMApWYQpwMQoobHAyCkkxCmFJLTIKYUwxMDk5NTExNjI3Nzc2TAphTDExODA1OTE2MjA3MTc0MTEzMDM0MjRMCmFJMDEKYU5hRjEuNQphVulcdTZmMjJcdTAwMGEnCnAzCmFjX2NvZGVjcwplbmNvZGUKcDQKKFZcdTAwMDD/CnA1ClZsYXRpbjEKcDYKdHA3ClJwOAphKEkxCnRwOQphY19fYnVpbHRpbl9fCnNldApwMTAKKChscDExCkkzCmF0cDEyClJwMTMKYXNWbwpwMTQKY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnAxNQoodFJwMTYKVngKcDE3CkkxCnNzVmQKcDE4CmNjb2xsZWN0aW9ucwpkZWZhdWx0ZGljdApwMTkKKGNfX2J1aWx0aW5fXwpsaXN0CnAyMAp0cDIxClJwMjIKVmsKcDIzCihscDI0CkkxCmFzc1ZwCnAyNQpjcGF0aGxpYgpQdXJlUG9zaXhQYXRoCnAyNgooVi8KcDI3CmcxClZiCnAyOAp0cDI5ClJwMzAKc0k1CmNfX2J1aWx0aW5fXwpieXRlYXJyYXkKcDMxCihnNAooVnh5egpwMzIKZzYKdHAzMwpScDM0CnRwMzUKUnAzNgpzLg==",
  "fXEAKFgBAAAAYXEBXXECKEsBSv7///9MMTA5OTUxMTYyNzc3NkwKTDExODA1OTE2MjA3MTc0MTEzMDM0MjRMCkkwMQpORz/4AAAAAAAAWAcAAADDqea8ogoncQNjX2NvZGVjcwplbmNvZGUKcQQoWAMAAAAAw79xBVgGAAAAbGF0aW4xcQZ0cQdScQgoSwF0cQljX19idWlsdGluX18Kc2V0CnEKKF1xC0sDYXRxDFJxDWVYAQAAAG9xDmNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxDylScRBYAQAAAHhxEUsBc1gBAAAAZHESY2NvbGxlY3Rpb25zCmRlZmF1bHRkaWN0CnETKGNfX2J1aWx0aW5fXwpsaXN0CnEUdHEVUnEWWAEAAABrcRddcRhLAWFzWAEAAABwcRljcGF0aGxpYgpQdXJlUG9zaXhQYXRoCnEaKFgBAAAAL3EbaAFYAQAAAGJxHHRxHVJxHksFY19fYnVpbHRpbl9fCmJ5dGVhcnJheQpxHyhoBChYAwAAAHh5enEgaAZ0cSFScSJ0cSNScSR1Lg==",
  "gAJ9cQAoWAEAAABhcQFdcQIoSwFK/v///4oGAAAAAAABigkAAAAAAAAAAECITkc/+AAAAAAAAFgHAAAAw6nmvKIKJ3EDY19jb2RlY3MKZW5jb2RlCnEEWAMAAAAAw79xBVgGAAAAbGF0aW4xcQaGcQdScQhLAYVxCWNfX2J1aWx0aW5fXwpzZXQKcQpdcQtLA2GFcQxScQ1lWAEAAABvcQ5jY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQ8pUnEQWAEAAAB4cRFLAXNYAQAAAGRxEmNjb2xsZWN0aW9ucwpkZWZhdWx0ZGljdApxE2NfX2J1aWx0aW5fXwpsaXN0CnEUhXEVUnEWWAEAAABrcRddcRhLAWFzWAEAAABwcRljcGF0aGxpYgpQdXJlUG9zaXhQYXRoCnEaWAEAAAAvcRtoAVgBAAAAYnEch3EdUnEeSwVjX19idWlsdGluX18KYnl0ZWFycmF5CnEfaARYAwAAAHh5enEgaAaGcSFScSKFcSNScSR1Lg==",
  "gAN9cQAoWAEAAABhcQFdcQIoSwFK/v///4oGAAAAAAABigkAAAAAAAAAAECITkc/+AAAAAAAAFgHAAAAw6nmvKIKJ3EDQwIA/3EESwGFcQVjYnVpbHRpbnMKc2V0CnEGXXEHSwNhhXEIUnEJZVgBAAAAb3EKY2NvbGxlY3Rpb25zCk9yZGVyZWREaWN0CnELKVJxDFgBAAAAeHENSwFzWAEAAABkcQ5jY29sbGVjdGlvbnMKZGVmYXVsdGRpY3QKcQ9jYnVpbHRpbnMKbGlzdApxEIVxEVJxElgBAAAAa3ETXXEUSwFhc1gBAAAAcHEVY3BhdGhsaWIKUHVyZVBvc2l4UGF0aApxFlgBAAAAL3EXaAFYAQAAAGJxGIdxGVJxGksFY2J1aWx0aW5zCmJ5dGVhcnJheQpxG0MDeHl6cRyFcR1ScR51Lg==",
  "gASV+QAAAAAAAAB9lCiMAWGUXZQoSwFK/v///4oGAAAAAAABigkAAAAAAAAAAECITkc/+AAAAAAAAIwHw6nmvKIKJ5RDAgD/lEsBhZSPlChLA5BljAFvlIwLY29sbGVjdGlvbnOUjAtPcmRlcmVkRGljdJSTlClSlIwBeJRLAXOMAWSUaAiMC2RlZmF1bHRkaWN0lJOUjAhidWlsdGluc5SMBGxpc3SUk5SFlFKUjAFrlF2USwFhc4wBcJSMB3BhdGhsaWKUjA1QdXJlUG9zaXhQYXRolJOUjAEvlGgBjAFilIeUUpRLBWgQjAlieXRlYXJyYXmUk5RDA3h5epSFlFKUdS4=",
  "gAWV7AAAAAAAAAB9lCiMAWGUXZQoSwFK/v///4oGAAAAAAABigkAAAAAAAAAAECITkc/+AAAAAAAAIwHw6nmvKIKJ5RDAgD/lEsBhZSPlChLA5BljAFvlIwLY29sbGVjdGlvbnOUjAtPcmRlcmVkRGljdJSTlClSlIwBeJRLAXOMAWSUaAiMC2RlZmF1bHRkaWN0lJOUjAhidWlsdGluc5SMBGxpc3SUk5SFlFKUjAFrlF2USwFhc4wBcJSMB3BhdGhsaWKUjA1QdXJlUG9zaXhQYXRolJOUjAEvlGgBjAFilIeUUpRLBZYDAAAAAAAAAHh5epR1Lg==",
];

test("all protocols give the same value", () => {
  for (const [protocol, text] of byProtocol.entries()) {
    const value = readPickle(base64(text), `protocol ${protocol}`);
    assert.instance(value, PyDict);
    const dict = value as PyDict;
    const list = dict.get("a") as unknown[];
    assert.equal(list.slice(0, 6), [1, -2, 2 ** 40, 2n ** 70n, true, null], `protocol ${protocol}`);
    assert.equal(list[6], new PyFloat(1.5));
    assert.is(list[7], "é漢\n'");
    assert.equal(Uint8Array.from(list[8] as Uint8Array), Uint8Array.of(0, 255));
    assert.equal(list[9], new PyTuple([1]));
    assert.ok(list[10] instanceof PySet && list[10].has(3));
    assert.is((dict.get("o") as PyDict).type, "OrderedDict");
    assert.is((dict.get("d") as PyDict).factory?.name, "builtins.list");
    assert.is(dict.get("p"), "/a/b");
    assert.equal(Buffer.from(dict.get(5) as Uint8Array).toString(), "xyz");
  }
});

test("Python 2's 8-bit strings are UTF-8 where they are valid UTF-8, else latin-1", () => {
  assert.is(read(pickleOf("\x80\x02U\x03a\xe9b.")), "aéb");
  assert.is(read(pickleOf("\x80\x02U\x05caf\xc3\xa9.")), "café");
  assert.is(read(pickleOf("S'caf\\xc3\\xa9'\n.")), "café");
  assert.is(read(pickleOf("T", [6, 0, 0, 0], "\xe6\xbc\xa2\xe5\xad\x97.")), "漢字");
  const everywhere = read(pickleOf("\x80\x02}(U\x02\xc3\xa9](U\x02\xc3\xa9U\x02\xc3\xa9\x85eu.")) as PyDict;
  assert.equal([...everywhere], [["é", ["é", new PyTuple(["é"])]]]);
  assert.is(read(pickleOf("T", [2, 0, 0, 0], "hi.")), "hi");
  assert.is(read(pickleOf("S'it\\'s \\x41\\n\\101'\n.")), "it's A\nA");
  assert.is(read(pickleOf("V\\u6f22 \xe9\n.")), "漢 é");
});

test("protocol 0 numbers, booleans and specials", () => {
  assert.is(read(pickleOf("I01\n.")), true);
  assert.is(read(pickleOf("I-17\n.")), -17);
  assert.is(read(pickleOf("L123456789012345678901234567890L\n.")), 123456789012345678901234567890n);
  assert.equal(read(pickleOf("F-inf\n.")), new PyFloat(Number.NEGATIVE_INFINITY));
  assert.equal(read(pickleOf("F1.25e-3\n.")), new PyFloat(0.00125));
  for (const bad of ["I0x10\n.", "L1_0L\n.", "F1,5\n.", "Fabc\n.", "S'open\n."])
    assert.is(
      failureOf(() => read(pickleOf(bad))),
      "MalformedPickle",
      bad,
    );
});

test("numpy arrays become tensors, numpy text and object arrays lists", () => {
  for (const name of ["gnd_roxford5k_arrays_protocol2.pkl", "gnd_roxford5k_protocol4.pkl"]) {
    const { gnd, imlist } = plain(readPickleFile(fixture(name))) as { gnd: { easy: unknown }[]; imlist: string[] };
    assert.is(imlist.length, 23);
    assert.instance(gnd[0].easy, NdArray);
    assert.is((gnd[0].easy as NdArray).dtype, "I64");
  }
  const dtype = (code: string, order: string, size = "J\xff\xff\xff\xff") =>
    `cnumpy\ndtype\n(U${String.fromCharCode(code.length)}${code}K\x00K\x01tR(K\x03U\x01${order}NNN${size}${size}K\x00tb`;
  const array = (shape: string, type: string, data: string) =>
    `cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(${shape}t${type}\x89${data}tb.`;
  const big = read(pickleOf(array("K\x02", dtype(">i2", ">"), "U\x04\x01\x02\xff\xfe"))) as NdArray;
  assert.equal([...big.data], [258, -2]);
  // elements that happen to be valid UTF-8 stay bytes
  const bytes = read(pickleOf(array("K\x04", dtype("u1", "|"), "U\x04\xc3\xa9\xc3\xa9"))) as NdArray;
  assert.equal([...bytes.data], [0xc3, 0xa9, 0xc3, 0xa9]);
  const names = plain(read(pickleOf(array("K\x02", dtype("S3", "|"), "U\x06\xc3\xa9\0abc"))));
  assert.equal(names, ["é", "abc"]);
  const text = plain(read(pickleOf(array("K\x02", dtype("U1", "<"), "U\x08\x41\0\0\0\x22\x6f\0\0"))));
  assert.equal(text, ["A", "漢"]);
  const objects = plain(read(pickleOf(array("K\x02", dtype("O8", "|"), "(NK\x07l"))));
  assert.equal(objects, [null, 7]);
  assert.is(
    failureOf(() => read(pickleOf(array("K\x03", dtype("f4", "<"), "U\x041234")))),
    "MalformedPickle",
  );
  assert.is(
    failureOf(() => read(pickleOf(array("K\x01", dtype("c8", "<"), "U\x0812345678")))),
    "UnsupportedFeature",
  );
  assert.is(
    failureOf(() => read(pickleOf(array("J\xff\xff\xff\xff", dtype("U0", "<"), "U\x00")))),
    "MalformedPickle",
  );
});

test("a global outside the list is refused, whichever opcode brings it", () => {
  const ways = {
    GLOBAL: "cos\nsystem\n(S'true'\ntR.",
    "GLOBAL of Python 2": "c__builtin__\neval\n(S'1'\ntR.",
    "not even called": "\x80\x02]cos\nsystem\na.",
    STACK_GLOBAL: "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
    "dotted name": "\x80\x04\x8c\x0bcollections\x8c\x0eabc.os.system2\x93.",
    INST: "(S'true'\nios\nsystem\n.",
    OBJ: "(cos\nsystem\nS'true'\no.",
    NEWOBJ: "\x80\x02cos\nsystem\nU\x04true\x85\x81.",
    NEWOBJ_EX: "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85}\x92.",
    EXT1: "\x80\x02\x82\x01.",
    EXT2: "\x80\x02\x83\x01\x00.",
    EXT4: "\x80\x02\x84\x01\x00\x00\x00.",
    "a torch name in a plain pickle": "ctorch._utils\n_rebuild_tensor_v2\n.",
    getattr: "c__builtin__\ngetattr\n.",
    "numpy beyond the list": "cnumpy.core.multiarray\nfrombuffer\n.",
  };
  for (const [way, text] of Object.entries(ways))
    assert.is(
      failureOf(() => read(pickleOf(text))),
      "ForbiddenGlobal",
      way,
    );
});

test("BUILD sets state on nothing but arrays, dtypes and ordered dictionaries", () => {
  const setstate = "\x80\x02}}U\x0c__setstate__Nsb.";
  assert.is(
    failureOf(() => read(pickleOf(setstate))),
    "MalformedPickle",
  );
  assert.is(
    failureOf(() => read(pickleOf("\x80\x02ccollections\nOrderedDict\nNb."))),
    "MalformedPickle",
  );
  const ordered = read(pickleOf("\x80\x02ccollections\nOrderedDict\n)R}U\x09_metadataNsb.")) as PyDict;
  assert.ok(ordered.attributes?.has("_metadata"));
});

test("constructors refuse arguments that files never have", () => {
  const calls = [
    "c__builtin__\nbytes\n(K\x05tR.",
    "c_codecs\nencode\n(U\x01aU\x05rot13tR.",
    "ccollections\ndefaultdict\n(K\x01tR.",
  ];
  calls.push("c__builtin__\nset\n(K\x01tR.", "cpathlib\nPosixPath\n(K\x01tR.", "cnumpy\nndarray\n)R.", "K\x01)R.");
  for (const text of calls)
    assert.is(
      failureOf(() => read(pickleOf(text))),
      "MalformedPickle",
      text,
    );
});

test("sizes are checked before anything is allocated", () => {
  const huge = [0, 0, 0, 0, 0, 1, 0, 0];
  for (const op of ["\x8d", "\x8e", "\x96", "\x95"])
    assert.is(
      failureOf(() => read(pickleOf("\x80\x05", op, huge, "."))),
      "Truncated",
    );
  assert.is(
    failureOf(() => read(pickleOf("\x80\x02X", [255, 255, 255, 255], "."))),
    "Truncated",
  );
  assert.is(
    failureOf(() => read(pickleOf("\x80\x02\x8b", [255, 255, 255, 127], "."))),
    "MalformedPickle",
  );
  assert.is(
    failureOf(() => read(pickleOf("L", "9".repeat(100_000), "L\n."))),
    "MalformedPickle",
  );
});

test("the number of objects is limited", () => {
  const before = process.memoryUsage().rss;
  assert.is(
    failureOf(() => read(pickleOf("}".repeat(3_000_000)))),
    "MalformedPickle",
  );
  assert.ok(process.memoryUsage().rss - before < 900e6, "three million empty dictionaries are not kept");
});

test("objects inside themselves, towers and sharing bombs are refused", () => {
  const refused = (text: string, why: RegExp) => assert.throws(() => read(pickleOf(text)), why);
  refused("\x80\x02]q\x00h\x00a.", /contains itself \[MalformedPickle\]/);
  refused(`${"]".repeat(100_000)}${"a".repeat(99_999)}.`, /nested deeper than 500 \[MalformedPickle\]/);
  // each list holds the one before it twice
  const char = String.fromCharCode;
  const doubling = Array.from({ length: 40 }, (_, i) => `(h${char(i)}h${char(i)}lq${char(i + 1)}0`).join("");
  refused(
    `]q\x000${doubling}h\x28.`,
    /shared objects written out, would take more memory than a file of \d+ bytes may .*\[MalformedPickle\]/,
  );
  const shared = plain(read(pickleOf("]q\x00(K\x01K\x02e0(h\x00h\x00l."))) as unknown[];
  assert.equal(shared, [
    [1, 2],
    [1, 2],
  ]);
});

test("stack and memo faults have names", () => {
  for (const text of [
    ".",
    "]0.",
    "h\x05.",
    "a.",
    "t.",
    "(K\x01u.",
    "K\x01K\x02s.",
    "]]a",
    "K\x01K\x02.",
    "(.",
    "\xfe.",
  ])
    assert.ok(["MalformedPickle", "Truncated"].includes(failureOf(() => read(pickleOf(text)))), JSON.stringify(text));
  assert.is(
    failureOf(() => read(pickleOf("K\x01.more"))),
    "MalformedPickle",
  );
  assert.is(
    failureOf(() => read(pickleOf("\x80\x09N."))),
    "UnsupportedFeature",
  );
  assert.is(
    failureOf(() => read(pickleOf("Pid\n."))),
    "MalformedPickle",
  );
  assert.is(
    failureOf(() => read(pickleOf("\x80\x05\x97."))),
    "UnsupportedFeature",
  );
});

test("cut anywhere, a pickle is an error that names the file", () => {
  const files = ["gnd_roxford5k_arrays_protocol2.pkl", "gnd_roxford5k_protocol4.pkl"].map((n) =>
    readFileSync(fixture(n)),
  );
  for (const bytes of [...files, ...byProtocol.map(base64)])
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      assert.throws(
        () => readPickle(cut, "cut.pkl"),
        (e: unknown) => e instanceof FileFormatError && e.message.startsWith("cut.pkl: "),
        `${length} of ${bytes.length} bytes`,
      );
    }
});

test("with any byte changed, a pickle is a value or an error, never a crash", () => {
  let values = 0;
  let errors = 0;
  for (const bytes of [readFileSync(fixture("gnd_roxford5k_arrays_protocol2.pkl")), ...byProtocol.map(base64)])
    for (let at = 0; at < bytes.length; at++)
      for (const mask of [1, 0x20, 0x80, 0xff])
        if (failureOf(() => plain(read(flipped(bytes, at, mask)))) === "none") values++;
        else errors++;
  assert.ok(values > 100 && errors > 1000, `${values} values, ${errors} errors`);
});

test("plain() turns text keys into properties and keeps the rest", () => {
  const value = read(pickleOf("\x80\x02}(U\x09__proto__K\x01U\x01bG\x3f\xf0\0\0\0\0\0\0u."));
  const object = plain(value) as Record<string, unknown>;
  assert.equal(Object.entries(object), [
    ["__proto__", 1],
    ["b", 1],
  ]);
  assert.is(Object.getPrototypeOf(object), Object.prototype);
  assert.equal(plain(read(pickleOf("\x80\x02}K\x01Ns."))), new Map([[1, null]]));
});

test.run();
