// Votes of normalised residuals: similarity is their dot product (asmk.md §5, §7).
//
//   vote = (sim^alpha · idf) · (1 / √norm of the image),  sim = Σ query · entry, where sim ≥ threshold
//
// A whole power is a product, which keeps the sign of negative similarities; a broken one comes with a threshold ≥ 0.
//
//# const SUMS = 7
//# include "asmk/vote.wgsl"
@group(0) @binding(5) var<storage, read> entryCodes: array<vec4f>;   // [entry][dim4]
@group(0) @binding(6) var<storage, read> queryCodes: array<vec4f>;   // [row][dim4]

// Too long for registers: where it begins.
fn codeOf(row: u32) -> u32 {
  return row * p.dim4;
}

fn kernelValue(code: u32, entry: u32) -> f32 {
  var four = vec4f();
  for (var d = 0u; d < p.dim4; d++) { four += queryCodes[code + d] * entryCodes[entry * p.dim4 + d]; }
  let similarity = (four.x + four.y) + (four.z + four.w);
  if (similarity < p.threshold) { return 0.0; }
  if (p.power > 64u) { return pow(similarity, p.alpha); }
  var value = 1.0;
  for (var i = 0u; i < p.power; i++) { value *= similarity; }
  return value;
}
