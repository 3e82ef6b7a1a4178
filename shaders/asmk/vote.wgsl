// What both vote kernels share: the walk over the (query word, entry) pairs, and sums that do not depend on order.
// The including file says what a pair is worth: kernelValue(codeOf(row of the query's code), entry), 0 when it is below the
// threshold; and SUMS, the number of the last binding.
//
// The lists of all query words that the bound entries have are laid end to end: pair numbers 0 … pairs−1. A workgroup of
// THREADS invocations takes TILE consecutive pairs, `firstPiece` of its tile says on which list it begins, and each
// invocation steps through the tile by THREADS, so neighbours read neighbouring entries.
//
// Sums: many pairs vote for one image at once, and float atomics do not exist. A vote becomes a whole number of quanta
// (a power of two, chosen for each query by asmk/gpu/vote-plan.ts) and is added to a 64-bit two's-complement number kept
// as two u32. Whole numbers add up to the same in any order, so scores are the same in every run. A vote is rounded by
// half a quantum, but never to nothing: an image with the smallest of votes ranks before one without any. Of a float32 both
// halves are exact. The high half is touched only where a vote reaches it, or at a carry.
//
//# const THREADS = 64
//# const TILE = 1024
struct Params {
  pairs: u32, tiles: u32,
  firstImage: u32, images: u32,   // images that this launch sums; the entries may hold others
  dim4: u32,
  power: u32,                     // of float similarities: a whole number, or above 64 to use `alpha`
  threshold: f32, alpha: f32,
}
struct Piece {
  end: u32,      // first pair after this list
  shift: u32,    // entry = pair + shift, modulo 2^32
  code: u32,     // row of the query's code
  query: u32,    // which query of the launch
  weight: f32,   // idf, times quanta a unit of score
}
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> pieces: array<Piece>;
@group(0) @binding(2) var<storage, read> firstPiece: array<u32>;       // by tile
@group(0) @binding(3) var<storage, read> images: array<u32>;           // of the bound entries
@group(0) @binding(4) var<storage, read> inverseRoots: array<f32>;     // 1/√norm of images firstImage …
@group(0) @binding(${SUMS}) var<storage, read_write> sums: array<atomic<u32>>;   // [query][image] low, high

fn addVote(query: u32, image: u32, value: f32) {
  let vote = value * inverseRoots[image];
  if (vote == 0.0) { return; }
  let quanta = max(1.0, round(abs(vote)));
  var high = u32(quanta * 0x1p-32);
  var low = u32(quanta - f32(high) * 0x1p32);
  if (vote < 0.0) {
    low = ~low + 1u;
    high = ~high + select(0u, 1u, low == 0u);
  }
  let at = (query * p.images + image) * 2u;
  let before = atomicAdd(&sums[at], low);
  high += select(0u, 1u, before + low < before);
  if (high != 0u) { atomicAdd(&sums[at + 1u], high); }
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  if (tile >= p.tiles) { return; }
  let end = min((tile + 1u) * ${TILE}u, p.pairs);
  var at = firstPiece[tile];
  var piece = pieces[at];
  var code = codeOf(piece.code);
  for (var pair = tile * ${TILE}u + lane; pair < end; pair += ${THREADS}u) {
    if (pair >= piece.end) {
      while (pair >= pieces[at].end) { at++; }
      piece = pieces[at];
      code = codeOf(piece.code);
    }
    let entry = pair + piece.shift;
    let value = kernelValue(code, entry);
    if (value == 0.0) { continue; }
    let image = images[entry] - p.firstImage;
    if (image < p.images) { addVote(piece.query, image, value * piece.weight); }
  }
}
