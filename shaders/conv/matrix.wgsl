enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);

// Implicit-GEMM convolution on matrix units, half precision in, float32 sums. A workgroup of SR × SC subgroups owns
// BM rows × BN columns, each subgroup WM × WN matrices of 16 × 16 of them.
//
//   K is staged in steps of 32 through workgroup memory, both sides as halves and as they lie: [row][k] and [k][column], rows
//   eight halves longer than they need be, so that the eight rows of a matrix that are read at once meet different banks.
//   While a step is multiplied the next one's values are already on their way into registers.
//
// The left side is float32 in memory and rounded on its way, what a half cannot hold to its largest value; or, where it is read
// often, halves already (LEFT_HALF, for multiples of eight channels). The right side is halves (conv/halves.wgsl). Matrices give up their elements only to memory: the epilogue goes
// through 16 × 16 floats a subgroup.
//
// Stepping along K, `batches` and the split of K are those of conv/workgroup.wgsl.
//
//# const LEFT_HALF = 0
//# const SR = 4
//# const SC = 2
//# const WM = 2
//# const WN = 4
//# const BM = SR * WM * 16
//# const BN = SC * WN * 16
//# const THREADS = SR * SC * 32
//# const ROWS = BM * 4 / THREADS
//# const CHUNKS = BN * 4 / THREADS
//# include "conv/params.wgsl"

var<workgroup> left: array<vec4<f16>, ${BM * 10}>;              // [row BM][k 32, and eight of padding]
var<workgroup> right: array<vec4<f16>, ${8 * BN + 64}>;         // [k 32][column BN, and eight of padding]
var<workgroup> result: array<vec4f, ${SR * SC * 80}>;           // [subgroup][row 16][column 16, and four of padding]

fn toHalf(v: vec4f) -> vec4<f16> { return vec4<f16>(clamp(v, vec4f(-65504.0), vec4f(65504.0))); }

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) tid: u32) {
  let tile = wg.x + wg.y * 65535u;
  let rowTile = tile % p.rowTiles;
  let colTile = tile / p.rowTiles % p.colTiles + p.colTileBegin;
  let batch = tile / p.rowTiles / p.colTiles;
  if (batch >= p.batches) { return; }
  let row0 = p.rowBegin + rowTile * ${BM}u;
  let K = p.kernelH * p.kernelW * p.inC4 * 4u;
  let lane = tid % 32u;
  let subgroup = subgroupBroadcastFirst(tid / 32u);
  let rowOfGroup = subgroup / ${SC}u * ${WM * 16}u;
  let colOfGroup = subgroup % ${SC}u * ${WN * 16}u;

  // what this invocation stages: eight k of each of ROWS rows of the left side; eight columns of each of CHUNKS k of the right
  let part = tid % 4u;
  //# for i in 0..ROWS
  let origin${i} = originOf(row0 + tid / 4u + ${i * THREADS / 4}u);
  //# if LEFT_HALF
  var a${i} = vec4u();
  //# else
  var a${i} = vec4f();
  var b${i} = vec4f();
  //# end
  //# end
  let lastColumn8 = (p.outC4 + 7u) / 8u * 4u - 1u;
  //# for j in 0..CHUNKS
  let k${j} = (tid + ${j * THREADS}u) / ${BN / 8}u;
  let inTile${j} = (tid + ${j * THREADS}u) % ${BN / 8}u;
  let column${j} = min(colTile * ${BN / 8}u + inTile${j}, lastColumn8);
  let w${j} = (column${j} / 4u * K + k${j}) * 4u + column${j} % 4u + batch * p.batchWeight;
  var h${j} = vec4u();
  //# end
  //# for i in 0..WM
  //# for j in 0..WN
  var s${i}_${j}: subgroup_matrix_result<f32, 16, 16>;
  //# end
  //# end

  // the last part of a split K may be shorter
  let runEnd = select(p.runC4, min(p.runC4, p.inC4 - batch * p.splitC4), p.splitC4 != 0u);
  let stepsOfRun = (p.runC4 + 7u) / 8u;
  let steps = p.kernelH * p.runs * stepsOfRun;
  for (var step = 0u; step <= steps; step++) {
    if (step < steps) {
      let run = step / stepsOfRun;
      let c0 = step % stepsOfRun * 8u;
      let c = c0 + part * 2u;
      let ky = i32(run / p.runs * p.dilation);
      let kx = i32(run % p.runs * p.dilation);
      //# for i in 0..ROWS
      {
        let y = origin${i}.y + ky;
        let x = (origin${i}.x + kx) * i32(p.inC4) + i32(c);
        let inside = y >= 0 && y < i32(p.inH);
        let at = (origin${i}.z + y) * i32(p.inW * p.inC4) + x + i32(batch * p.batchIn);
        let first = inside && c < runEnd && u32(x) < p.inW * p.inC4;
        //# if LEFT_HALF
        a${i} = select(vec4u(), input[select(0u, u32(at) / 2u, first)], first);
        //# else
        let second = inside && c + 1u < runEnd && u32(x + 1) < p.inW * p.inC4;
        a${i} = select(vec4f(), input[select(0u, u32(at), first)], first);
        b${i} = select(vec4f(), input[select(0u, u32(at + 1), second)], second);
        //# end
      }
      //# end
      let begin = (run * p.runC4 + c0) * 16u;
      //# for j in 0..CHUNKS
      h${j} = weights[w${j} + begin];
      //# end
    }
    if (step > 0u) {
      //# for k in 0..2
      {
        //# for i in 0..WM
        let l${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&left, (rowOfGroup + ${i * 16}u) * 10u + ${k * 4}u, 10u);
        //# end
        //# for j in 0..WN
        {
          let r = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&right, ${k * 16 * (BN / 4 + 2)}u + colOfGroup / 4u + ${j * 4}u, ${BN / 4 + 2}u);
          //# for i in 0..WM
          s${i}_${j} = subgroupMatrixMultiplyAccumulate(l${i}, r, s${i}_${j});
          //# end
        }
        //# end
      }
      //# end
    }
    workgroupBarrier();
    //# for i in 0..ROWS
    //# if LEFT_HALF
    left[(tid / 4u + ${i * THREADS / 4}u) * 10u + part * 2u] = bitcast<vec4<f16>>(a${i}.xy);
    left[(tid / 4u + ${i * THREADS / 4}u) * 10u + part * 2u + 1u] = bitcast<vec4<f16>>(a${i}.zw);
    //# else
    left[(tid / 4u + ${i * THREADS / 4}u) * 10u + part * 2u] = toHalf(a${i});
    left[(tid / 4u + ${i * THREADS / 4}u) * 10u + part * 2u + 1u] = toHalf(b${i});
    //# end
    //# end
    //# for j in 0..CHUNKS
    right[k${j} * ${BN / 4 + 2}u + inTile${j} * 2u] = bitcast<vec4<f16>>(h${j}.xy);
    right[k${j} * ${BN / 4 + 2}u + inTile${j} * 2u + 1u] = bitcast<vec4<f16>>(h${j}.zw);
    //# end
    workgroupBarrier();
  }

  let r = lane / 4u;
  let q = lane % 4u;
  let own = subgroup * 80u;
  //# for j in 0..WN
  let col${j} = colTile * ${BN / 4}u + colOfGroup / 4u + ${j * 4}u + q;
  let bias${j} = bias[min(col${j}, p.outC4 - 1u)];
  //# end
  //# for i in 0..WM
  //# for j in 0..WN
  subgroupMatrixStore<row_major>(&result, own, s${i}_${j}, 5u);
  workgroupBarrier();
  storeBatch(batch, row0 + rowOfGroup + ${i * 16}u + r, col${j}, result[own + r * 5u + q] + bias${j});
  storeBatch(batch, row0 + rowOfGroup + ${i * 16 + 8}u + r, col${j}, result[own + r * 5u + 40u + q] + bias${j});
  workgroupBarrier();
  //# end
  //# end
}
