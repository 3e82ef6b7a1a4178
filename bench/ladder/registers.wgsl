// Step 4. No workgroup memory: an invocation owns 8 rows × 8 columns. For four k it loads 8 vec4 along K of its rows and
// 8 vec4 of columns from panels: 16 vec4 loads feed 256 multiply-adds.
struct Params { M: u32, N: u32, K: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;   // [M][K]
@group(0) @binding(2) var<storage, read> b: array<vec4f>;   // panels [N/32][K][32]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let rowTiles = p.M / 8u;
  let tile = wg.x + wg.y * 65535u;
  let row0 = (tile % rowTiles) * 8u;
  let col4 = (tile / rowTiles) * 16u + lane * 2u;
  var w = (col4 / 8u) * p.K * 8u + col4 % 8u;
  //# for r in 0..8
  var s${r}a = vec4f();
  var s${r}b = vec4f();
  //# end
  for (var k4 = 0u; k4 < p.K / 4u; k4++) {
    //# for k in 0..4
    let b${k}a = b[w + ${k * 8}u];
    let b${k}b = b[w + ${k * 8 + 1}u];
    //# end
    w += 32u;
    //# for r in 0..8
    let v${r} = a[(row0 + ${r}u) * (p.K / 4u) + k4];
    s${r}a += v${r}.x * b0a + v${r}.y * b1a + v${r}.z * b2a + v${r}.w * b3a;
    s${r}b += v${r}.x * b0b + v${r}.y * b1b + v${r}.z * b2b + v${r}.w * b3b;
    //# end
  }
  //# for r in 0..8
  y[(row0 + ${r}u) * (p.N / 4u) + col4] = s${r}a;
  y[(row0 + ${r}u) * (p.N / 4u) + col4 + 1u] = s${r}b;
  //# end
}
