/** @file Numbers that are none are found, named, and never pass as results. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NumericError } from "../../base/errors.js";
import { firstNotFinite, firstNotFiniteOf, requireFinite } from "../../base/finite.js";

const test = suite("finite");

test("the first NaN or infinity is found wherever it stands, and largest numbers are none", () => {
  const { MAX_VALUE, NaN: nan, POSITIVE_INFINITY: inf } = Number;
  assert.is(firstNotFinite([]), -1);
  assert.is(firstNotFinite(new Float64Array(3000).fill(MAX_VALUE)), -1);
  for (const bad of [nan, inf, -inf])
    for (const at of [0, 1023, 1024, 2999]) {
      const values = new Float32Array(3000).fill(3.4e38);
      values[at] = bad;
      values[2999] = bad;
      assert.is(firstNotFinite(values), at);
    }
});

test("halves are looked at by their bits, integers are numbers", () => {
  const half = (...bits: number[]) => Uint16Array.from(bits);
  assert.is(firstNotFiniteOf({ dtype: "F16", shape: [3], data: half(0x7bff, 0xfc00, 0) }), 1);
  assert.is(firstNotFiniteOf({ dtype: "BF16", shape: [3], data: half(0x7f7f, 0, 0x7fc0) }), 2);
  assert.is(firstNotFiniteOf({ dtype: "U16", shape: [1], data: half(0xffff) }), -1);
  assert.is(firstNotFiniteOf({ dtype: "F64", shape: [2], data: Float64Array.of(0, Number.NaN) }), 1);
});

test("the message names the values, the place and what to do", () => {
  const message = (call: () => void) => {
    try {
      call();
    } catch (error) {
      assert.instance(error, NumericError);
      assert.is((error as NumericError).exitCode, 6);
      return (error as Error).message;
    }
    return assert.unreachable("expected an error");
  };
  const values = [0, 0, 0, 0, 0, Number.NEGATIVE_INFINITY];
  assert.is(
    message(() => requireFinite("scores", values)),
    "scores: value 5 of 6 is -Infinity",
  );
  assert.is(
    message(() => requireFinite("rows", values, { dim: 2, first: 10, hint: "look" })),
    "rows: value 1 of row 12 is -Infinity — look",
  );
  assert.is(
    message(() => requireFinite("loss", [Number.NaN])),
    "loss: expected a number, got NaN",
  );
});

test.run();
