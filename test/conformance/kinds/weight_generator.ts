/** @file Bit-exact vectors of the weight generator. */
import { fnv1a32, generateValues, generatorKey, mix } from "../../../nets/weights/generator.js";
import { type CaseHandler, checkThat } from "../case.js";

interface Vector {
  tensor: string;
  base_seed: number;
  name: string;
  n: number;
  a: number;
  c: number;
  fnv1a32: number;
  key: number;
}

const handler: CaseHandler = async (golden) => {
  const checks = (golden.json.mix_vectors as { x: number; mix: number }[]).map((v) =>
    checkThat(`mix(${v.x})`, mix(v.x) === v.mix, `${mix(v.x)} for ${v.mix}`),
  );
  for (const v of golden.json.vectors as Vector[]) {
    checks.push(checkThat(`fnv1a32(${v.name})`, fnv1a32(v.name) === v.fnv1a32));
    checks.push(checkThat(`key(${v.base_seed}, ${v.name})`, generatorKey(v.base_seed, v.name) === v.key));
    checks.push(golden.compare(v.tensor, generateValues(v.base_seed, v.name, v.n, v.a, v.c), 1));
  }
  const long = golden.json.long_checksum;
  const values = generateValues(long.base_seed, long.name, long.n, long.a, long.c);
  const bits = new Uint32Array(values.buffer);
  let sum = 0;
  for (const word of bits) sum = (sum + word) >>> 0;
  const want = long["sum_of_u32_bit_patterns_mod_2^32"];
  checks.push(checkThat("sum of the bit patterns of a long tensor", sum === want, `${sum} for ${want}`));
  const mean = values.reduce((s, v) => s + v, 0) / values.length;
  checks.push(checkThat("mean of a long tensor", Math.abs(mean - long.mean) < 1e-12, `${mean} for ${long.mean}`));
  return checks;
};

export default handler;
