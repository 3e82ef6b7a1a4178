// Votes of binary codes: similarity is a function of the Hamming distance alone, so sim^alpha comes from a table that is
// made on the CPU; distances below the threshold have 0 there (asmk.md §5, §7).
//
//   vote = (table[ Σ countOneBits(query code ^ entry code) ] · idf) · (1 / √norm of the image)
//
//# const LENGTH = 4
//# const VEC = LENGTH % 4 == 0 ? 4 : LENGTH % 2 == 0 ? 2 : 1
//# const SUMS = 8
//# include "asmk/vote.wgsl"
//# if VEC == 1
alias Word = u32;
//# else
alias Word = vec${VEC}u;
//# end
@group(0) @binding(5) var<storage, read> entryCodes: array<Word>;   // [entry][LENGTH]
@group(0) @binding(6) var<storage, read> queryCodes: array<Word>;   // [row][LENGTH]
@group(0) @binding(7) var<storage, read> table: array<f32>;         // by distance, 32·LENGTH + 1

fn kernelValue(code: u32, entry: u32) -> f32 {
  var ones = Word();
  //# for i in 0..LENGTH/VEC
  ones += countOneBits(queryCodes[code * ${LENGTH / VEC}u + ${i}u] ^ entryCodes[entry * ${LENGTH / VEC}u + ${i}u]);
  //# end
  //# if VEC == 4
  return table[ones.x + ones.y + ones.z + ones.w];
  //# else
  //# if VEC == 2
  return table[ones.x + ones.y];
  //# else
  return table[ones];
  //# end
  //# end
}
