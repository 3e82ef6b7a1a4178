/** @file Sign bits and Hamming distances for dimensions around the 32-bit borders; all exact. */
import { hammingMatrix } from "../../../asmk/hamming.js";
import { packedLength, packRows } from "../../../asmk/pack.js";
import type { Check, GoldenCase } from "../case.js";

export default async function run(golden: GoldenCase): Promise<Check[]> {
  return (golden.json.dims as number[]).flatMap((dim) => {
    const name = (tensor: string) => `d${dim}/${tensor}`;
    const a = packRows(golden.f32(name("a")), dim);
    const b = packRows(golden.f32(name("b")), dim);
    const length = packedLength(dim);
    return [
      golden.compare(name("packed_a"), new Int32Array(a.buffer)),
      golden.compare(name("packed_b"), new Int32Array(b.buffer)),
      golden.compare(name("dist_default"), hammingMatrix(a, b, length)),
      golden.compare(name("dist_by_dim"), hammingMatrix(a, b, length, dim)),
    ];
  });
}
