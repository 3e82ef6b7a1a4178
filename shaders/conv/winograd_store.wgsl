// Stores the values at the 36 points, one in each plane of `out`, for invocation i. In a loop on software drivers, which make
// some hundred instructions of each store; its end is a parameter so that they do not unroll it.
//# const LOOP = 0
//# if LOOP
let one = f32(min(p.points, 1u));  // values stored as they stand take Mesa's compiler several times as long
var point = 0u;
loop {
  out[i + point * plane] = points[point] * one;
  continuing { point++; break if point >= p.points; }
}
//# else
//# for k in 0..36
out[i + ${k}u * plane] = points[${k}];
//# end
//# end
