// Step 3 of the nearest codes by Hamming distance: the distances of all codes of the picked groups.
//
//   distances[query, i · GROUP + c] = ones(query code ^ code c of the i-th picked group), 0xffffffff where there is none
//
//# const GROUP = 64
//# include "asmk/hamming_words.wgsl"
struct Params { codes: u32, queries: u32, columns: u32, keep: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> codes: array<Word>;
@group(0) @binding(2) var<storage, read> queries: array<Word>;
@group(0) @binding(3) var<storage, read> lowest: array<u32>;       // [keep][columns]
@group(0) @binding(4) var<storage, read_write> distances: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  let slots = p.keep * ${GROUP}u;
  let query = i / slots;
  if (query >= p.queries) { return; }
  let key = lowest[((i % slots) / ${GROUP}u) * p.columns + query];
  let code = (key & 0x3fffffu) * ${GROUP}u + i % ${GROUP}u;
  var distance = 0xffffffffu;
  if (key != 0xffffffffu && code < p.codes) {
    distance = 0u;
    //# for v in 0..VECS
    distance += onesOf(queries[query * ${VECS}u + ${v}u] ^ codes[code * ${VECS}u + ${v}u]);
    //# end
  }
  distances[i] = distance;
}
