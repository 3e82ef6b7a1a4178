/** @file The weight generator: some of the reference's vectors, so that it is checked where the reference is not at hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fnv1a32, generateStateDict, generateValues, generatorKey, mix } from "../../nets/weights/generator.js";

const test = suite("formats-generator");
const bits = (values: Float32Array) => [...new Uint32Array(values.buffer)];

test("hashes are the reference's", () => {
  assert.equal(
    [0, 1, 2, 3, 0xdeadbeef, 0xffffffff].map(mix),
    [0, 1753845952, 3507691905, 1408362973, 3861431939, 1734902346],
  );
  assert.is(fnv1a32("a"), 3826002220);
  assert.is(fnv1a32("é漢"), 1035937211);
  assert.is(generatorKey(0xffffffff, "features.6.5.bn3.weight"), 3531695609);
});

test("values are the reference's, bit for bit", () => {
  assert.equal(bits(generateValues(1, "a", 3, 1, 0)), [0xbf1fa177, 0xbf243d15, 0xbf6d4f13]);
  const norm = generateValues(0xffffffff, "features.6.5.bn3.weight", 3, 0.25, 0.5);
  assert.equal(bits(norm), [0x3f20780d, 0x3f01e0c0, 0x3ec2965e]);
  assert.equal(bits(generateValues(7, "é漢", 2, 3, -1.25)), [0xc020271e, 0xbf1bfdd1]);
});

test("a state dict has the asked shapes, in order", () => {
  const state = generateStateDict(5, { "b.weight": { shape: [2, 3], a: 1, c: 0 }, a: { shape: [], a: 1, c: 2 } });
  assert.equal([...state.keys()], ["b.weight", "a"]);
  assert.equal(state.get("b.weight")?.data, generateValues(5, "b.weight", 6, 1, 0));
  assert.is(state.get("a")?.data.length, 1);
});

test.run();
