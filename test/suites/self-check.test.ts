/** @file The first check of a device: right functions pass, each wrong one is found and named, and the device at hand is sound. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DeviceError } from "../../base/errors.js";
import { f16ToNumber, numberToF16 } from "../../base/tensor.js";
import { openDevice } from "../../engine/device.js";
import { judge, operands, requireSound, roundsToNearest } from "../../engine/self-check.js";

const test = suite("self-check");
const pairs = operands();
const half = (x: number) => numberToF16(Math.min(65504, Math.max(-65504, x)));

/** What a device with exact functions, rounded to float32, gives; rows as in shaders/check/builtins.wgsl. */
function exactDevice(): {
  floats: Float32Array;
  bits: Uint32Array;
  set: (row: number, f: (x: number, y: number) => number) => void;
} {
  const floats = new Float32Array(14 * pairs.length);
  const bits = new Uint32Array(floats.buffer);
  const set = (row: number, f: (x: number, y: number) => number) => {
    for (const [i, { x, y }] of pairs.entries()) floats[row * pairs.length + i] = f(x, y);
  };
  const even = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
  const functions = [Math.exp, (x: number) => 2 ** x, Math.log2, (x: number, y: number) => x ** y, Math.sqrt];
  for (const [row, f] of functions.entries()) set(row, f);
  set(5, (x, y) => x / y);
  set(6, even);
  set(7, Math.max);
  for (const row of [8, 11, 12]) set(row, (x) => f16ToNumber(half(x)));
  for (const row of [9, 10, 13]) for (const [i, { x }] of pairs.entries()) bits[row * pairs.length + i] = half(x);
  return { floats, bits, set };
}

const wrong = (bits: Uint32Array) =>
  judge(bits, true)
    .filter((r) => r.required && !r.ok)
    .map((r) => r.name);

test("exact functions pass, and their roundings are told", () => {
  const { bits } = exactDevice();
  assert.equal(wrong(bits), []);
  const rows = judge(bits, true);
  for (const name of ["quantizeToF16", "pack2x16float", "f16()"]) assert.ok(roundsToNearest(rows, name), name);
  assert.is(rows.find((r) => r.name === "max of NaN and 0")?.found, "NaN and NaN");
  requireSound(rows, "exact");
});

test("a function that is off by a thousandth is found, each by its name", () => {
  for (const [row, name] of ["exp", "exp2", "log2", "pow", "sqrt", "division"].entries()) {
    const { floats, bits } = exactDevice();
    for (let i = 0; i < pairs.length; i++) floats[row * pairs.length + i] *= 1.001;
    assert.equal(wrong(bits), [name]);
  }
});

test("one value that is wrong, or not a number, is found", () => {
  const one = pairs.findIndex(({ x, y }) => x === 1 && y > 0);
  for (const row of [0, 1, 3, 4, 5, 6, 7, 11, 12]) {
    const { floats, bits } = exactDevice();
    floats[row * pairs.length + one] = Number.NaN;
    assert.is(wrong(bits).length, 1, `row ${row}`);
  }
});

test("ties that are rounded up, and halves that are cut off, are found where kernels rely on them", () => {
  const up = exactDevice();
  up.set(6, (x) => Math.floor(x + 0.5));
  assert.equal(wrong(up.bits), ["round"]);
  const cut = exactDevice();
  const truncate = (x: number) => {
    const h = half(x);
    return Math.abs(f16ToNumber(h)) > Math.abs(x) ? h - 1 : h;
  };
  for (const [i, { x }] of pairs.entries()) cut.bits[10 * pairs.length + i] = truncate(x);
  assert.equal(wrong(cut.bits), ["to half, in integers, packed"]);
});

test("a driver that cuts halves off is told, not refused: no kernel uses its functions", () => {
  const { floats, bits } = exactDevice();
  for (const [i, { x }] of pairs.entries()) {
    const h = half(x);
    floats[8 * pairs.length + i] = f16ToNumber(Math.abs(f16ToNumber(h)) > Math.abs(x) ? h - 1 : h);
  }
  const row = judge(bits, false).find((r) => r.name === "quantizeToF16");
  assert.equal([row?.ok, row?.found], [false, "towards zero"]);
  assert.equal(wrong(bits), []);
});

test("a device that computes wrongly is refused by name, with what to do", () => {
  const { floats, bits } = exactDevice();
  floats.fill(1, 0, pairs.length);
  assert.throws(
    () => requireSound(judge(bits, false), "Card 9"),
    (e: unknown) =>
      e instanceof DeviceError &&
      e.exitCode === 5 &&
      /Card 9 computes wrongly: exp \(expected .*--device/.test(e.message),
  );
});

test("the device at hand is sound, and says how it rounds", async () => {
  const device = await openDevice();
  assert.ok(device.checks.length >= 14);
  assert.equal(
    device.checks.filter((r) => r.required && !r.ok),
    [],
  );
  console.log(device.checks.map((r) => `   ${r.name}: ${r.found}`).join("\n"));
  device.close();
});

test.run();
