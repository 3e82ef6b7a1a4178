// Steps 5 to 9. The subgroup outer product: one subgroup owns ROWS rows × LANES·8 columns. Lanes load rows (a vec4 along K
// of their own) and columns (two vec4 a k); the left values reach the others by broadcast. For four k that is
// ROWS/LANES + 8 vec4 loads and 4·ROWS broadcasts for 32·ROWS vector multiply-adds.
//
//   ORDER 0     k outside: an accumulator is touched once a k
//   ORDER 1     rows outside: the four products of a row go one after the other into its sum
//   ORDER 2     as 1, and the four products are added pairwise first: a quarter of the roundings in the long sum
//
// Only [kBegin, kEnd) is summed; with `more` the result is added to what is there. Walking K in blocks keeps the panel of
// the right operand in the cache while all row tiles pass.
//# const LANES = 8
//# const ROWS = 16
//# const ORDER = 2
enable subgroups;
struct Params { M: u32, N: u32, K: u32, kBegin: u32, kEnd: u32, more: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;   // [M][K]
@group(0) @binding(2) var<storage, read> b: array<vec4f>;   // panels [N/32][K][32]
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let rowTiles = p.M / ${ROWS}u;
  let tile = wg.x + wg.y * 65535u;
  let row0 = (tile % rowTiles) * ${ROWS}u;
  let col4 = (tile / rowTiles) * ${LANES * 2}u + lane * 2u;
  var w = ((col4 / 8u) * p.K + p.kBegin) * 8u + col4 % 8u;
  //# for j in 0..ROWS/LANES
  let at${j} = (row0 + ${j * LANES}u + lane) * (p.K / 4u);
  //# end
  //# for r in 0..ROWS
  var s${r}a = vec4f();
  var s${r}b = vec4f();
  //# end
  for (var k4 = p.kBegin / 4u; k4 < p.kEnd / 4u; k4++) {
    //# for j in 0..ROWS/LANES
    let a${j} = a[at${j} + k4];
    //# end
    //# for k in 0..4
    let b${k}a = b[w + ${k * 8}u];
    let b${k}b = b[w + ${k * 8 + 1}u];
    //# end
    w += 32u;
    //# if ORDER == 0
    //# for k in 0..4
    //# for r in 0..ROWS
    {
      let v = subgroupBroadcast(a${r / LANES}[${k}], ${r % LANES}u);
      s${r}a += v * b${k}a;
      s${r}b += v * b${k}b;
    }
    //# end
    //# end
    //# else
    //# for r in 0..ROWS
    {
      let v = subgroupBroadcast(a${r / LANES}, ${r % LANES}u);
      //# if ORDER == 1
      s${r}a = s${r}a + v.x * b0a + v.y * b1a + v.z * b2a + v.w * b3a;
      s${r}b = s${r}b + v.x * b0b + v.y * b1b + v.z * b2b + v.w * b3b;
      //# else
      s${r}a += (v.x * b0a + v.y * b1a) + (v.z * b2a + v.w * b3a);
      s${r}b += (v.x * b0b + v.y * b1b) + (v.z * b2b + v.w * b3b);
      //# end
    }
    //# end
    //# end
  }
  //# for r in 0..ROWS
  {
    let at = (row0 + ${r}u) * (p.N / 4u) + col4;
    if (p.more != 0u) {
      s${r}a += y[at];
      s${r}b += y[at + 1u];
    }
    y[at] = s${r}a;
    y[at + 1u] = s${r}b;
  }
  //# end
}
