// What both scoring kernels are told and bind. Words come in panels of 32 as every right operand does (conv/pack.wgsl).
struct Params {
  rows: u32,          // vectors of this launch
  dim4: u32,          // vec4 a vector; the dimension is padded with zeros
  rowTiles: u32, colTiles: u32,
  groupBegin: u32,    // first group of the bound words in a row of `best`
  groups: u32,        // groups in a row of `best`
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> vectors: array<vec4f>;     // [rows][dim4]
@group(0) @binding(2) var<storage, read> words: array<vec4f>;       // panels [words/32][dim][32]
@group(0) @binding(3) var<storage, read> halfNorms: array<vec4f>;   // ‖c‖²/2; huge for words that only pad
@group(0) @binding(4) var<storage, read_write> best: array<f32>;    // [rows][groups]

// The best score of eight neighbouring words.
fn bestOfEight(a: vec4f, b: vec4f) -> f32 {
  let m = max(a, b);
  return max(max(m.x, m.y), max(m.z, m.w));
}
