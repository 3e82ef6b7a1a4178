// Step 2. The textbook tile: 16 × 16 outputs, both operands staged through workgroup memory in steps of 16 along K.
// A quarter of the storage loads is left, but two workgroup loads a multiply-add and two barriers a step come on top.
struct Params { M: u32, N: u32, K: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;   // [M][K]
@group(0) @binding(2) var<storage, read> b: array<f32>;   // [K][N]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

var<workgroup> left: array<f32, 256>;
var<workgroup> right: array<f32, 256>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_id) id: vec3u) {
  let tiles = p.N / 16u;
  let tile = wg.x + wg.y * 65535u;
  let row = (tile / tiles) * 16u + id.y;
  let column = (tile % tiles) * 16u + id.x;
  var sum = 0.0;
  for (var k = 0u; k < p.K; k += 16u) {
    workgroupBarrier();
    left[id.y * 16u + id.x] = a[row * p.K + k + id.x];
    right[id.y * 16u + id.x] = b[(k + id.y) * p.N + column];
    workgroupBarrier();
    for (var i = 0u; i < 16u; i++) { sum += left[id.y * 16u + i] * right[i * 16u + id.x]; }
  }
  y[row * p.N + column] = sum;
}
