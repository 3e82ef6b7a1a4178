// What both scoring kernels are told and bind. Words come in panels of 32, as halves (pack_half.wgsl).
//# const SHEETS = 0
struct Params {
  rows: u32,          // vectors of this launch
  dim4: u32,          // vec4 a vector; the dimension is padded with zeros
  rowTiles: u32, colTiles: u32,
  groupBegin: u32,    // first group of the bound words in a row of `best`
  groups: u32,        // groups in a row of `best`
}
@group(0) @binding(0) var<uniform> p: Params;
//# if SHEETS
@group(0) @binding(1) var vectors: texture_storage_2d<rgba32float, read>;   // engine/sheet.ts
//# else
@group(0) @binding(1) var<storage, read> vectors: array<vec4f>;     // [rows][dim4]
//# end
@group(0) @binding(2) var<storage, read> lengths: array<f32>;       // ‖x‖ [rows]
//# if SHEETS
@group(0) @binding(3) var words: texture_storage_2d<rgba32float, read>;     // the bits of four times two halves a texel
//# else
//# if EIGHT
@group(0) @binding(3) var<storage, read> words: array<vec4u>;       // panels [words/32][dim][32]: eight words a load
//# else
@group(0) @binding(3) var<storage, read> words: array<vec2u>;       // four words a load
//# end
//# end
@group(0) @binding(4) var<storage, read> halfNorms: array<vec4f>;   // scale·‖c‖²/2; huge for words that only pad
@group(0) @binding(5) var<storage, read> errors: array<vec4f>;      // scale·e(c): |x·c − computed| ≤ ‖x‖·e(c)
@group(0) @binding(6) var<storage, read_write> best: array<f32>;    // [rows][groups]

// What a lane's eight words add to their products.
struct Eight { normA: vec4f, normB: vec4f, errorA: vec4f, errorB: vec4f }
fn eightOf(group: u32) -> Eight {
  let i = group * 2u;
  return Eight(halfNorms[i], halfNorms[i + 1u], errors[i], errors[i + 1u]);
}

// The best upper bound of eight words, from their products with a vector of the given length.
fn bestOf(a: vec4f, b: vec4f, words: Eight, length: f32) -> f32 {
  let m = max(a - words.normA + length * words.errorA, b - words.normB + length * words.errorB);
  return max(max(m.x, m.y), max(m.z, m.w));
}
