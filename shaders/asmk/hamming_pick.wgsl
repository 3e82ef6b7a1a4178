// The KEEP lowest of each column of keys [rows, columns], ascending, for slices of `sliceRows` rows:
//
//   lowest[slice · KEEP + i, column] = the i-th lowest key of that slice and column, 0xffffffff where there is none
//
// One invocation a slice and four neighbouring columns, which are loaded together, and AHEAD rows at once: they are few, and wait for
// memory most of the time. (A loop that counts down gets no guard, which would keep loads from being early: conv/workgroup.wgsl.)
// Lists are kept sorted in registers; most keys fail one comparison. Further launches over the lists themselves, the last with one
// slice, give the lowest of all.
//
//# const KEEP = 10
//# const AHEAD = 4
struct Params { rows: u32, columns4: u32, sliceRows: u32, slices: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> keys: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> lowest: array<vec4u>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  let slice = i / p.columns4;
  let column = i % p.columns4;
  if (slice >= p.slices) { return; }
  //# for k in 0..KEEP
  var key${k} = vec4u(0xffffffffu);
  //# end
  var row = slice * p.sliceRows;
  let end = min(row + p.sliceRows, p.rows);
  for (var left = (end - row + ${AHEAD - 1}u) / ${AHEAD}u; left > 0u; left--) {
    //# for a in 0..AHEAD
    let next${a} = select(vec4u(0xffffffffu), keys[min(row + ${a}u, end - 1u) * p.columns4 + column], row + ${a}u < end);
    //# end
    row += ${AHEAD}u;
    //# for a in 0..AHEAD
    if (any(next${a} < key${KEEP - 1})) {
      var key = next${a};
      // bubble it in: each place keeps the lower one and hands the other on
      //# for k in 0..KEEP
      {
        let low = min(key, key${k});
        key = max(key, key${k});
        key${k} = low;
      }
      //# end
    }
    //# end
  }
  //# for k in 0..KEEP
  lowest[(slice * ${KEEP}u + ${k}u) * p.columns4 + column] = key${k};
  //# end
}
