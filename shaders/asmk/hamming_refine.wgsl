// Step 3 of the nearest codes by Hamming distance: of the codes in the picked groups the KEEP nearest to each query.
//
//   nearest[query, i] = the i-th lowest of all keys (distance · 2^22 + code), 0xffffffff where there are no more codes
//
// Such a key orders codes by distance, then by number, and no two are equal. A group's key has the same form: it is the key
// of its nearest code with the last six bits cleared. Each picked group so holds a code whose key is at most `end`, the last
// group's key with these bits set: no key above is wanted. Lists start full of it, and nearly all codes fail one comparison.
// Where fewer than KEEP codes are below, the KEEP-th is the code whose key this is; without KEEP groups it means none.
//
// One workgroup a query. Every invocation keeps a sorted list of the lowest keys it meets, in registers; then KEEP rounds
// take the lowest head of all lists. On software drivers the workgroup is one subgroup, without memory or barriers.
//
//# const KEEP = 10
//# const GROUP = 64
//# include "asmk/reduce.wgsl"
//# include "asmk/hamming_words.wgsl"
struct Params { codes: u32, queries: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> codes: array<Word>;
@group(0) @binding(2) var<storage, read> queries: array<Word>;
@group(0) @binding(3) var<storage, read> lowest: array<u32>;       // [KEEP][columns]
@group(0) @binding(4) var<storage, read_write> nearest: array<u32>;

const NONE = 0xffffffffu;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let query = wg.x + wg.y * 65535u;
  if (query >= p.queries) { return; }
  //# for v in 0..VECS
  let q${v} = queries[query * ${VECS}u + ${v}u];
  //# end
  let end = lowest[${KEEP - 1}u * p.columns + query] | ${GROUP - 1}u;
  //# for k in 0..KEEP
  var key${k} = end;
  //# end
  for (var i = 0u; i < ${KEEP}u; i++) {
    let picked = lowest[i * p.columns + query];
    if (picked == NONE) { break; }
    for (var c = lane; c < ${GROUP}u; c += ${THREADS}u) {
      let code = (picked & 0x3fffffu) + c;
      if (code >= p.codes) { break; }
      var key = ((0u
      //# for v in 0..VECS
        + onesOf(q${v} ^ codes[code * ${VECS}u + ${v}u])
      //# end
      ) << 22u) | code;
      if (key < key${KEEP - 1}) {
        // bubble it in: each place keeps the lower one and hands the other on
        //# for k in 0..KEEP
        {
          let low = min(key, key${k});
          key = max(key, key${k});
          key${k} = low;
        }
        //# end
      }
    }
  }
  for (var i = 0u; i < ${KEEP}u; i++) {
    let least = minAll(key0, lane);
    if (lane == 0u) { nearest[query * ${KEEP}u + i] = least; }
    if (key0 == least) {
      //# for k in 0..KEEP-1
      key${k} = key${k + 1};
      //# end
      key${KEEP - 1} = end;
    }
  }
}
