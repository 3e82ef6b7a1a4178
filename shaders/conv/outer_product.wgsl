// One step of the subgroup outer product: four k of ROWS rows × LANES·CV·4 columns. The including kernel has row vectors
// a0, a1, … (lane l of a_j holds four k of row j·LANES + l), the right side's address w in `weights`, and sums s[row · CV + q].
//
// Each lane loads CV vec4 of adjacent columns for each k. The left values reach the other lanes by broadcast with a
// constant lane number. All four k of the right side are loaded first, then applied row by row: a sum is touched once for
// four multiply-adds. The products are added pairwise before they meet the long sum, which rounds a quarter as often.
//
// The tile is as small as it is (32 × 32 with eight lanes) because software drivers unroll a load into some fifty
// instructions a lane: the body of a larger one no longer fits the processor's instruction cache.
//# for k in 0..4
//# for q in 0..CV
let b${k}_${q} = weightsAt(w + ${k * 8 + q}u);
//# end
//# end
w += 32u;
//# for r in 0..ROWS
//# if LANES - 8
let v${r} = subgroupBroadcast(a${r / LANES}, ${r % LANES}u);
//# else
let v${r} = subgroupShuffle(a${r / LANES}, ${r % LANES}u);
//# end
//# for q in 0..CV
s[${r * CV + q}] += ((v${r}.x * b0_${q} + v${r}.y * b1_${q}) + (v${r}.z * b2_${q} + v${r}.w * b3_${q}));
//# end
//# end
