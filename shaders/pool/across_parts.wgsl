// Totals over the PARTS slices of a region's cells, for workgroups of 16 channel quads × PARTS slices (lane = slice·16 + quad).
// Every lane gets its quad's total. With PARTS = 1 (software drivers) a lane walks a region alone and no barrier is used.
//# const PARTS = 16
//# if PARTS == 1
fn sumParts(v: vec4f, lane: u32) -> vec4f { return v; }
fn maxParts(v: vec4f, lane: u32) -> vec4f { return v; }
//# else
var<workgroup> slices: array<vec4f, ${PARTS * 16}>;
fn sumParts(v: vec4f, lane: u32) -> vec4f {
  workgroupBarrier();
  slices[lane] = v;
  for (var span = ${PARTS * 8}u; span >= 16u; span /= 2u) {
    workgroupBarrier();
    if (lane < span) { slices[lane] += slices[lane + span]; }
  }
  workgroupBarrier();
  return slices[lane % 16u];
}
fn maxParts(v: vec4f, lane: u32) -> vec4f {
  workgroupBarrier();
  slices[lane] = v;
  for (var span = ${PARTS * 8}u; span >= 16u; span /= 2u) {
    workgroupBarrier();
    if (lane < span) { slices[lane] = max(slices[lane], slices[lane + span]); }
  }
  workgroupBarrier();
  return slices[lane % 16u];
}
//# end
