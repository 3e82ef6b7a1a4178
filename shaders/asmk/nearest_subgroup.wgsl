// Which words can be near a vector? The GEMM of nearest-word search, reduced on the spot (software drivers).
//
//   best[x, g] = max over the eight words c of group g of  x·c − ‖c‖²/2 + ‖x‖·e(c)        (times a power of two)
//
// Without its last term that is (‖x‖² − ‖x − c‖²) / 2: high where c is near. Words are half-precision numbers, because
// loading them is what this kernel spends its time on; e(c) bounds what that and all other rounding can hide, so `best` is
// an upper bound and a group below the m-th distance found elsewhere holds no word that is nearer. The m nearest words lie
// in the m groups with the highest scores, but for the bound; nearest_pick.wgsl takes a few groups more,
// nearest_distances.wgsl measures their words in float32, and asmk/gpu/choose-words.ts proves the choice or redoes it.
// The 1000 × 65536 products, 262 MB, shrink to an eighth on the spot, and no top-m is kept while multiplying.
//
// The tile is that of conv/subgroup.wgsl: one subgroup (= one workgroup) of LANES lanes owns ROWS vectors × LANES·8 words.
//
//            words:  lane 0 | lane 1 | …   8 neighbours each = one group a lane
//   vectors  +-------+--------+---
//   0..ROWS  | every lane holds all vectors of its own 8 words in registers
//
// Vectors are loaded one row a lane and reach the others by broadcast with a constant lane number; of the words all four
// components of a step are loaded first, then applied row by row. Epilogue: one store for eight words.
//
//# const LANES = 8
//# const ROWS = 16
//# const EIGHT = 1
// vectors and words are in textures
//# const SHEETS = 0
enable subgroups;
//# include "asmk/nearest_params.wgsl"

//# if SHEETS
fn vectorAt(i: u32) -> vec4f { return textureLoad(vectors, vec2u(i % 1024u, i / 1024u)); }
fn wordsAt(i: u32) -> vec4u { return bitcast<vec4u>(textureLoad(words, vec2u(i % 1024u, i / 1024u))); }
//# else
fn vectorAt(i: u32) -> vec4f { return vectors[i]; }
fn wordsAt(i: u32) -> vec4u { return words[i]; }
//# end

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  if (tile >= p.rowTiles * p.colTiles) { return; }
  let row0 = (tile % p.rowTiles) * ${ROWS}u;
  let colTile = tile / p.rowTiles;
  // this lane's eight words: a quarter of a panel
  let quarter = colTile * ${LANES}u + lane;
  var w = (quarter / 4u) * p.dim4 * 16u + quarter % 4u;

  //# for j in 0..ROWS/LANES
  let at${j} = min(row0 + ${j * LANES}u + lane, p.rows - 1u) * p.dim4;
  //# end
  var sa: array<vec4f, ${ROWS}>;
  var sb: array<vec4f, ${ROWS}>;
  var c = 0u;
  loop {
    //# for j in 0..ROWS/LANES
    let a${j} = vectorAt(at${j} + c);
    //# end
    //# for k in 0..4
    let eight${k} = wordsAt(w + ${k * 4}u);
    let b${k}a = vec4f(unpack2x16float(eight${k}.x), unpack2x16float(eight${k}.y));
    let b${k}b = vec4f(unpack2x16float(eight${k}.z), unpack2x16float(eight${k}.w));
    //# end
    w += 16u;
    //# for r in 0..ROWS
    let v${r} = subgroupBroadcast(a${r / LANES}, ${r % LANES}u);
    sa[${r}] = sa[${r}] + v${r}.x * b0a + v${r}.y * b1a + v${r}.z * b2a + v${r}.w * b3a;
    sb[${r}] = sb[${r}] + v${r}.x * b0b + v${r}.y * b1b + v${r}.z * b2b + v${r}.w * b3b;
    //# end
    continuing { c++; break if c >= p.dim4; }
  }
  let own = eightOf(quarter);
  let out = row0 * p.groups + p.groupBegin + quarter;
  let rows = min(${ROWS}u, p.rows - row0);
  var r = 0u;
  loop {
    best[out + r * p.groups] = bestOf(sa[r], sb[r], own, lengths[row0 + r]);
    continuing { r++; break if r >= rows; }
  }
}
