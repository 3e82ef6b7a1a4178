// Sum over the workgroup, the result in every invocation. THREADS invocations; with SUBGROUP = 1 the workgroup is one
// subgroup and no memory or barrier is used (the way that is cheap on software drivers).
//# const SUBGROUP = 0
//# const THREADS = 64
//# if SUBGROUP
enable subgroups;
fn sumAll(v: f32, lane: u32) -> f32 {
  return subgroupAdd(v);
}
//# else
var<workgroup> partial: array<f32, ${THREADS}>;
fn sumAll(v: f32, lane: u32) -> f32 {
  workgroupBarrier();
  partial[lane] = v;
  for (var span = ${THREADS / 2}u; span > 0u; span /= 2u) {
    workgroupBarrier();
    if (lane < span) { partial[lane] += partial[lane + span]; }
  }
  return workgroupUniformLoad(&partial[0]);
}
//# end
