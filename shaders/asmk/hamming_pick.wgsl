// The KEEP lowest of each column of keys [rows, columns], ascending, for slices of `sliceRows` rows:
//
//   lowest[slice · KEEP + i, column] = the i-th lowest key of that slice and column, 0xffffffff where there is none
//
// One invocation a slice and four neighbouring columns, which are loaded together. Lists are kept sorted in registers; most
// keys fail one comparison. A second launch over the lists themselves, with one slice, gives the lowest of all.
//
//# const KEEP = 10
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
  for (var row = slice * p.sliceRows; row < min((slice + 1u) * p.sliceRows, p.rows); row++) {
    var key = keys[row * p.columns4 + column];
    if (any(key < key${KEEP - 1})) {
      // bubble it in: each place keeps the lower one and hands the other on
      //# for k in 0..KEEP
      {
        let low = min(key, key${k});
        key = max(key, key${k});
        key${k} = low;
      }
      //# end
    }
  }
  //# for k in 0..KEEP
  lowest[(slice * ${KEEP}u + ${k}u) * p.columns4 + column] = key${k};
  //# end
}
