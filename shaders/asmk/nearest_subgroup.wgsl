// Which words can be near a vector? The GEMM of nearest-word search, reduced on the spot (software drivers).
//
//   best[x, g] = max over the eight words c of group g of  x·c − ‖c‖²/2        ( = (‖x‖² − ‖x − c‖²) / 2 )
//
// The m nearest words of x lie in the m groups with the highest `best`, so the 1000 × 65536 matrix of products, 262 MB,
// shrinks to an eighth and no top-m is kept while multiplying; nearest_pick.wgsl chooses groups, nearest_distances.wgsl
// measures their words again without the cancellation of this formula, and asmk/gpu/choose-words.ts proves the choice.
//
// The tile is that of conv/subgroup.wgsl: one subgroup (= one workgroup) of LANES lanes owns ROWS vectors × LANES·8 words.
//
//            words:  lane 0 | lane 1 | …   8 neighbours each = one group a lane
//   vectors  +-------+--------+---
//   0..ROWS  | every lane holds all vectors of its own 8 words in registers
//
// Vectors are loaded one row a lane and reach the others by broadcast with a constant lane number; of the words all four
// components of a step are loaded first, then applied row by row. Epilogue: seven maxima and one store for eight words.
//
//# const LANES = 8
//# const ROWS = 16
enable subgroups;
//# include "asmk/nearest_params.wgsl"

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  if (tile >= p.rowTiles * p.colTiles) { return; }
  let row0 = (tile % p.rowTiles) * ${ROWS}u;
  let colTile = tile / p.rowTiles;
  // this lane's eight words: a quarter of a panel
  let quarter = colTile * ${LANES}u + lane;
  var w = (quarter / 4u) * p.dim4 * 32u + (quarter % 4u) * 2u;

  //# for j in 0..ROWS/LANES
  let at${j} = min(row0 + ${j * LANES}u + lane, p.rows - 1u) * p.dim4;
  //# end
  //# for r in 0..ROWS
  var s${r}a = vec4f();
  var s${r}b = vec4f();
  //# end
  for (var c = 0u; c < p.dim4; c++) {
    //# for j in 0..ROWS/LANES
    let a${j} = vectors[at${j} + c];
    //# end
    let b0a = words[w];
    let b0b = words[w + 1u];
    let b1a = words[w + 8u];
    let b1b = words[w + 9u];
    let b2a = words[w + 16u];
    let b2b = words[w + 17u];
    let b3a = words[w + 24u];
    let b3b = words[w + 25u];
    w += 32u;
    //# for r in 0..ROWS
    let v${r} = subgroupBroadcast(a${r / LANES}, ${r % LANES}u);
    s${r}a = s${r}a + v${r}.x * b0a + v${r}.y * b1a + v${r}.z * b2a + v${r}.w * b3a;
    s${r}b = s${r}b + v${r}.x * b0b + v${r}.y * b1b + v${r}.z * b2b + v${r}.w * b3b;
    //# end
  }
  let ha = halfNorms[quarter * 2u];
  let hb = halfNorms[quarter * 2u + 1u];
  let out = row0 * p.groups + p.groupBegin + quarter;
  //# for r in 0..ROWS
  if (row0 + ${r}u < p.rows) { best[out + ${r}u * p.groups] = bestOfEight(s${r}a - ha, s${r}b - hb); }
  //# end
}
