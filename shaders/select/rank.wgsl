// Sorts the chosen candidates by counting: the place of each is the number of chosen ones before it
// (strength descending, then index ascending), so the result does not depend on the order of the list.
struct Params { keep: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> strengths: array<f32>;
@group(0) @binding(2) var<storage, read> chosen: array<u32>;
@group(0) @binding(3) var<storage, read_write> order: array<u32>;

fn keyOf(i: u32) -> u32 {
  let b = bitcast<u32>(strengths[i]);
  return select(b | 0x80000000u, ~b, (b & 0x80000000u) != 0u);
}

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = wg.x * 32u + lane;
  if (i >= p.keep) { return; }
  let me = chosen[i];
  let key = keyOf(me);
  var before = 0u;
  for (var j = 0u; j < p.keep; j++) {
    let other = chosen[j];
    let k = keyOf(other);
    before += select(0u, 1u, k > key || (k == key && other < me));
  }
  order[before] = me;
}
