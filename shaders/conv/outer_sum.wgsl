// One step of a product whose sum runs over the rows of both operands, Σ_m a[m, c]·b[m, o]: four m of LANES·4 rows c
// × LANES·CV·4 columns o. The including kernel has a0 … a3 (lane l holds channels 4·l … 4·l + 3 of row m + k) and
// b<k>_<q>, and the sums s[c · CV + q]. The channel values reach the other lanes by constant-lane broadcasts.
//# for l in 0..ROW_LANES
{
  //# for k in 0..4
  //# if LANES - 8
  let v${k} = subgroupBroadcast(a${k}, ${l}u);
  //# else
  let v${k} = subgroupShuffle(a${k}, ${l}u);
  //# end
  //# end
  //# for i in 0..4
  //# for q in 0..CV
  s[${(l * 4 + i) * CV + q}] += ((v0[${i}] * b0_${q} + v1[${i}] * b1_${q}) + (v2[${i}] * b2_${q} + v3[${i}] * b3_${q}));
  //# end
  //# end
}
//# end
