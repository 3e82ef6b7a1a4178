// Squared distances to the words of the picked groups, as Σ (x − c)²: no cancellation, a relative error of dim ulps at most.
//
//   distances[row, slot] = ‖x_row − c‖²,  c = word 8·picked[row, slot / 8] + slot mod 8
//
// One invocation a (row, slot). A launch sees the words of one part of the codebook and fills in the slots of these.
struct Params { count: u32, slots: u32, dim4: u32, firstWord: u32, endWord: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> vectors: array<vec4f>;
@group(0) @binding(2) var<storage, read> words: array<vec4f>;      // row-major, from firstWord
@group(0) @binding(3) var<storage, read> picked: array<u32>;
@group(0) @binding(4) var<storage, read_write> distances: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  let word = picked[i / 8u] * 8u + i % 8u;
  if (word < p.firstWord || word >= p.endWord) { return; }
  let x = (i / p.slots) * p.dim4;
  let c = (word - p.firstWord) * p.dim4;
  var sum = 0.0;
  for (var d = 0u; d < p.dim4; d++) {
    let difference = vectors[x + d] - words[c + d];
    sum += dot(difference, difference);
  }
  distances[i] = sum;
}
