// Step 3. 64 × 64 outputs a workgroup, 4 × 4 an invocation in registers: two vec4 workgroup loads feed 16 multiply-adds.
// The left tile is turned while it is staged, so that four rows are one vec4.
struct Params { M: u32, N: u32, K: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;   // [M][K]
@group(0) @binding(2) var<storage, read> b: array<vec4f>;   // [K][N]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

var<workgroup> left: array<array<f32, 64>, 16>;     // [k][row]
var<workgroup> right: array<vec4f, 256>;            // [k][column vec4]

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let tiles = p.N / 64u;
  let tile = wg.x + wg.y * 65535u;
  let row0 = (tile / tiles) * 64u;
  let col4 = (tile % tiles) * 16u;
  let t = id.y * 16u + id.x;
  //# for r in 0..4
  var s${r} = vec4f();
  //# end
  for (var k = 0u; k < p.K; k += 16u) {
    workgroupBarrier();
    let v = a[((row0 + t / 4u) * p.K + k) / 4u + t % 4u];
    //# for i in 0..4
    left[(t % 4u) * 4u + ${i}u][t / 4u] = v[${i}];
    //# end
    right[t] = b[(k + id.y) * (p.N / 4u) + col4 + id.x];
    workgroupBarrier();
    for (var i = 0u; i < 16u; i++) {
      let w = right[i * 16u + id.x];
      //# for r in 0..4
      s${r} += left[i][id.y * 4u + ${r}u] * w;
      //# end
    }
  }
  //# for r in 0..4
  y[(row0 + id.y * 4u + ${r}u) * (p.N / 4u) + col4 + id.x] = s${r};
  //# end
}
