// Votes of binary codes: similarity is a function of the Hamming distance alone, so sim^alpha comes from a table that is
// made on the CPU; distances below the threshold have 0 there (asmk.md §5, §7).
//
//   vote = (table[ Σ countOneBits(query code ^ entry code) ] · idf) · (1 / √norm of the image)
//
//# include "asmk/hamming_words.wgsl"
//# const SUMS = 8
//# include "asmk/vote.wgsl"
@group(0) @binding(5) var<storage, read> entryCodes: array<Word>;   // [entry][LENGTH]
@group(0) @binding(6) var<storage, read> queryCodes: array<Word>;   // [row][LENGTH]
@group(0) @binding(7) var<storage, read> table: array<f32>;         // by distance, 32·LENGTH + 1

// In registers for as long as a list lasts.
struct Code {
  //# for i in 0..VECS
  w${i}: Word,
  //# end
}
fn codeOf(row: u32) -> Code {
  let at = row * ${VECS}u;
  return Code(
    //# for i in 0..VECS
    queryCodes[at + ${i}u],
    //# end
  );
}

fn kernelValue(code: Code, entry: u32) -> f32 {
  var distance = 0u;
  //# for i in 0..VECS
  distance += onesOf(code.w${i} ^ entryCodes[entry * ${VECS}u + ${i}u]);
  //# end
  return table[distance];
}
