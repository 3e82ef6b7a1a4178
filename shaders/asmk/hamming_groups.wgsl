// Nearest codes by Hamming distance, step 1 of 3: for each query and each group of GROUP neighbouring codes
//
//   key[group, query] = (least distance in the group) · 2^22 + number of the group's first code
//
// The k nearest codes, ties to the lower index, lie in the k groups with the lowest keys: a code of another group has k
// groups before it, and each of those holds a code before it. hamming_pick.wgsl finds these groups, hamming_refine.wgsl
// measures their codes. So the hot loop keeps one minimum a query, in a register, whatever k is.
//
// Lanes are queries, PER each, whose codes stay in registers; the database streams by. With SUBGROUP = 1 a subgroup loads
// LANES codes at once, one a lane, and hands them round by broadcast with a constant lane number: on drivers that compute
// on a CPU a load costs ten times a broadcast. Else every lane loads the code itself, which a GPU's cache serves at once.
//
//# const SUBGROUP = 0
//# const LANES = 64
//# const PER = 4
//# const GROUP = 64
//# if SUBGROUP
enable subgroups;
//# end
//# include "asmk/hamming_words.wgsl"
struct Params { codes: u32, groups: u32, queryTiles: u32, chunks: u32, chunkGroups: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> codes: array<Word>;
@group(0) @binding(2) var<storage, read> queries: array<Word>;            // [queryTiles · LANES · PER][VECS]
@group(0) @binding(3) var<storage, read_write> keys: array<u32>;          // [group][query]

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  if (tile >= p.queryTiles * p.chunks) { return; }
  let query = ((tile % p.queryTiles) * ${LANES}u + lane) * ${PER}u;
  //# for j in 0..PER
  //# for i in 0..VECS
  let q${j}_${i} = queries[(query + ${j}u) * ${VECS}u + ${i}u];
  //# end
  //# end
  let first = (tile / p.queryTiles) * p.chunkGroups;
  for (var group = first; group < min(first + p.chunkGroups, p.groups); group++) {
    //# for j in 0..PER
    var least${j} = 1023u;
    //# end
    // the last group may be short: its last code is then compared again and again, which changes no minimum
    //# if SUBGROUP
    for (var c = 0u; c < ${GROUP}u; c += ${LANES}u) {
      let at = min(group * ${GROUP}u + c + lane, p.codes - 1u) * ${VECS}u;
      //# for i in 0..VECS
      let mine${i} = codes[at + ${i}u];
      //# end
      //# for l in 0..LANES
      {
        //# for i in 0..VECS
        let code${i} = subgroupBroadcast(mine${i}, ${l}u);
        //# end
        //# for j in 0..PER
        least${j} = min(least${j}, 0u
        //# for i in 0..VECS
          + onesOf(q${j}_${i} ^ code${i})
        //# end
        );
        //# end
      }
      //# end
    }
    //# else
    for (var c = 0u; c < ${GROUP}u; c++) {
      let at = min(group * ${GROUP}u + c, p.codes - 1u) * ${VECS}u;
      //# for i in 0..VECS
      let code${i} = codes[at + ${i}u];
      //# end
      //# for j in 0..PER
      least${j} = min(least${j}, 0u
      //# for i in 0..VECS
        + onesOf(q${j}_${i} ^ code${i})
      //# end
      );
      //# end
    }
    //# end
    let out = group * p.queryTiles * ${LANES * PER}u + query;
    //# for j in 0..PER
    keys[out + ${j}u] = (least${j} << 22u) | (group * ${GROUP}u);
    //# end
  }
}
