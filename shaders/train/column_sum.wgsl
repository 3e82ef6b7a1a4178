// Column sums of a [rows, C], by chunks of rows: sums [chunks, C]. With NORMED = 1 at once the weight gradient of layer norm,
// for which a are the gradients of its rows, b the rows and statistics their (mean, scale):
//   sums = Σ a,   normed = Σ a·(b − mean)·scale
// SLICES invocations share a quad of columns, take its rows in turn and add up what they have: one on software drivers, more on
// GPUs, where few columns would leave most of one idle. Blocks of 128 rows are summed by themselves, which rounds less.
//# const NORMED = 0
//# const SLICES = 1
//# const QUADS = SLICES > 1 ? 8 : 32
struct Params { rows: u32, C4: u32, chunk: u32, chunks: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
//# if NORMED
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> normed: array<vec4f>;
//# else
@group(0) @binding(2) var<storage, read_write> sums: array<vec4f>;
//# end

//# if SLICES > 1
var<workgroup> parts: array<vec4f, ${(1 + NORMED) * QUADS * SLICES}>;   // [sum, normed][slice][quad]
//# end

@compute @workgroup_size(${QUADS * SLICES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) tid: u32) {
  let i = (wg.x + wg.y * 65535u) * ${QUADS}u + tid % ${QUADS}u;
  let slice = tid / ${QUADS}u;
  let c = i % p.C4;
  let chunk = i / p.C4;
  let inside = chunk < p.chunks;
  let end = select(0u, min(p.rows, (chunk + 1u) * p.chunk), inside);
  var sum = vec4f();
  var sumNormed = vec4f();
  for (var first = chunk * p.chunk + slice; first < end; first += ${128 * SLICES}u) {
    var s = vec4f();
    var t = vec4f();
    for (var r = first; r < min(end, first + ${128 * SLICES}u); r += ${SLICES}u) {
      let v = a[r * p.C4 + c];
      s += v;
      //# if NORMED
      t += v * ((b[r * p.C4 + c] - statistics[r].x) * statistics[r].y);
      //# end
    }
    sum += s;
    sumNormed += t;
  }
  //# if SLICES > 1
  parts[tid] = sum;
  //# if NORMED
  parts[${QUADS * SLICES}u + tid] = sumNormed;
  //# end
  for (var span = ${SLICES / 2}u; span > 0u; span /= 2u) {
    workgroupBarrier();
    if (slice < span) {
      parts[tid] += parts[tid + span * ${QUADS}u];
      //# if NORMED
      parts[${QUADS * SLICES}u + tid] += parts[${QUADS * SLICES}u + tid + span * ${QUADS}u];
      //# end
    }
  }
  sum = parts[tid];
  //# if NORMED
  sumNormed = parts[${QUADS * SLICES}u + tid];
  //# end
  //# end
  if (inside && slice == 0u) {
    sums[i] = sum;
    //# if NORMED
    normed[i] = sumNormed;
    //# end
  }
}
