// Residuals of each (image, word) row, summed and packed (asmk.md §4).
//
//   r = Σ (x − c) over the descriptors of the row, in their order, in float32
//   CODE = 1: bit d of the code = r[d] > 0, component 0 in the highest bit of the first u32
//   CODE = 0: r / (‖r‖ + 1e-6)
//
// The rows are lists of descriptor numbers made from the word ids (asmk/gpu/aggregate.ts). With CODE = 1 one invocation
// owns one u32, that is 32 components; else one invocation owns a whole row, because it needs the norm.
// A launch sees the words of one part of the codebook and fills in the rows of these.
//
//# const CODE = 1
struct Params { rows: u32, dim4: u32, length: u32, firstWord: u32, endWord: u32 }
struct Row { word: u32, begin: u32, end: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> descriptors: array<vec4f>;   // [descriptor][dim4]
@group(0) @binding(2) var<storage, read> words: array<vec4f>;         // row-major, from firstWord
@group(0) @binding(3) var<storage, read> rows: array<Row>;
@group(0) @binding(4) var<storage, read> members: array<u32>;         // descriptor numbers, row after row
//# if CODE
@group(0) @binding(5) var<storage, read_write> codes: array<u32>;     // [row][length]
//# else
@group(0) @binding(5) var<storage, read_write> codes: array<vec4f>;   // [row][dim4]
//# end

// Components 4·d4 … 4·d4 + 3 of the row's residual.
fn residual(row: Row, d4: u32) -> vec4f {
  let c = words[(row.word - p.firstWord) * p.dim4 + d4];
  var sum = vec4f();
  for (var i = row.begin; i < row.end; i++) { sum += descriptors[members[i] * p.dim4 + d4] - c; }
  return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  //# if CODE
  let r = i / p.length;
  //# else
  let r = i;
  //# end
  if (r >= p.rows) { return; }
  let row = rows[r];
  if (row.word < p.firstWord || row.word >= p.endWord) { return; }
  //# if CODE
  let first = (i % p.length) * 8u;
  var bits = 0u;
  for (var v = 0u; v < min(8u, p.dim4 - first); v++) {
    let positive = residual(row, first + v) > vec4f();
    let four = select(vec4u(), vec4u(8u, 4u, 2u, 1u), positive);
    bits |= (four.x | four.y | four.z | four.w) << (28u - 4u * v);
  }
  codes[i] = bits;
  //# else
  var squares = 0.0;
  for (var d = 0u; d < p.dim4; d++) {
    let sum = residual(row, d);
    codes[r * p.dim4 + d] = sum;
    squares += dot(sum, sum);
  }
  let norm = sqrt(squares) + 1e-6;
  for (var d = 0u; d < p.dim4; d++) { codes[r * p.dim4 + d] /= norm; }
  //# end
}
