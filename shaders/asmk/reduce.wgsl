// Maximum and minimum over the workgroup, the result in every invocation. With SUBGROUP = 1 the workgroup is one subgroup
// and neither memory nor barriers are used (the way that is cheap on software drivers).
//# const SUBGROUP = 0
//# const THREADS = 64
//# if SUBGROUP
enable subgroups;
fn maxAll(v: f32, lane: u32) -> f32 {
  return subgroupMax(v);
}
fn minAll(v: u32, lane: u32) -> u32 {
  return subgroupMin(v);
}
//# else
var<workgroup> partialF: array<f32, ${THREADS}>;
var<workgroup> partialU: array<u32, ${THREADS}>;
fn maxAll(v: f32, lane: u32) -> f32 {
  workgroupBarrier();
  partialF[lane] = v;
  for (var span = ${THREADS / 2}u; span > 0u; span /= 2u) {
    workgroupBarrier();
    if (lane < span) { partialF[lane] = max(partialF[lane], partialF[lane + span]); }
  }
  return workgroupUniformLoad(&partialF[0]);
}
fn minAll(v: u32, lane: u32) -> u32 {
  workgroupBarrier();
  partialU[lane] = v;
  for (var span = ${THREADS / 2}u; span > 0u; span /= 2u) {
    workgroupBarrier();
    if (lane < span) { partialU[lane] = min(partialU[lane], partialU[lane + span]); }
  }
  return workgroupUniformLoad(&partialU[0]);
}
//# end
