enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);

// Implicit-GEMM convolution on matrix units, half precision in, float32 sums. A workgroup of SR × SC subgroups owns
// BM rows × BN columns, each subgroup WM × WN matrices of 16 × 16 of them.
//
//   K is staged in steps of 32 through workgroup memory, both sides as halves and as they lie: [row][k] and [k][column]. Lines are
//   eight halves longer than they need be, so that the eight rows of a matrix that are read at once meet different banks; a line
//   of the left side is a row of its upper half and one of its lower, so that what eight invocations write at once does too.
//   While a step is multiplied the next one's values are already on their way into registers.
//
// What the compiler makes of it decides, and three things let it load matrices by the hardware's own instruction and early:
// elements of 16 bytes; addresses that WGSL's bounds checks can prove right, which is why subgroup numbers are taken modulo
// their count; and a loop that counts down to zero, which gets no guard against running for ever (conv/workgroup.wgsl).
//
// The left side is float32 in memory and rounded on its way, what a half cannot hold to its largest value; or, where it is read
// often, halves already (LEFT_HALF, for multiples of eight channels). The right side is halves (conv/halves.wgsl). Matrices give
// up their elements only to memory: the epilogue goes through the memory of the operands, EACH matrices of a subgroup at a time.
//
// PLAIN, stepping along K, `batches` and the split of K are those of conv/workgroup.wgsl. SR is even.
//
//# const LEFT_HALF = 0
//# const PLAIN = 0
//# const SR = 4
//# const SC = 2
//# const WM = 2
//# const WN = 4
//# const EACH = 2
//# const BM = SR * WM * 16
//# const BN = SC * WN * 16
//# const THREADS = SR * SC * 32
//# const ROWS = BM * 4 / THREADS
//# const CHUNKS = BN * 4 / THREADS
//# const WIDTH = BN / 8 + 1
//# const LINES = BM / 2
//# const RIGHT = LINES * 9
//# include "conv/params.wgsl"

// eight halves each: left [row BM/2][half 2][k 32] and eight of padding, right [k 32][column BN, and eight of padding];
// at the end sums, [subgroup][EACH][row 16][column 16, and four of padding]
var<workgroup> staged: array<vec4u, ${Math.max(RIGHT + 32 * WIDTH, SR * SC * EACH * 80)}>;

fn eightHalves(a: vec4f, b: vec4f) -> vec4u {
  let most = vec4f(65504.0);
  return vec4u(bitcast<vec2u>(vec4<f16>(clamp(a, -most, most))), bitcast<vec2u>(vec4<f16>(clamp(b, -most, most))));
}

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
  let subgroup = subgroupBroadcastFirst(tid / 32u) % ${SR * SC}u;
  let rowOfGroup = subgroup / ${SC}u * ${WM * 16}u;
  let linesOfGroup = subgroup / ${SC}u % ${SR / 2}u * ${WM * 144}u + subgroup / ${SC * SR / 2}u * 4u;
  let colOfGroup = subgroup % ${SC}u * ${WN * 16}u;

  // what this invocation stages: eight k of each of ROWS rows of the left side; eight columns of each of CHUNKS k of the right
  let part = tid % 4u;
  //# for i in 0..ROWS
  let origin${i} = originOf(row0 + tid / 8u + ${i * THREADS / 8}u + tid / 4u % 2u * ${LINES}u);
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
  var c0 = 0u;
  //# if PLAIN
  let steps = runEnd / 8u;
  //# for i in 0..ROWS
  let at${i} = ((u32(origin${i}.z + origin${i}.y) * p.inW + u32(origin${i}.x)) * p.inC4 + part * 2u + batch * p.batchIn) / ${LEFT_HALF + 1}u;
  //# end
  //# else
  let stepsOfRun = (p.runC4 + 7u) / 8u;
  let steps = p.kernelH * p.runs * stepsOfRun;
  var runX = 0u;
  var runY = 0u;
  //# end
  //# for looped in 0..2
  //# if looped
  for (var left = steps; left > 0u; left--) {
    workgroupBarrier();
    //# for i in 0..ROWS
    //# if LEFT_HALF
    staged[(tid / 8u + ${i * THREADS / 8}u) * 9u + tid % 8u] = a${i};
    //# else
    staged[(tid / 8u + ${i * THREADS / 8}u) * 9u + tid % 8u] = eightHalves(a${i}, b${i});
    //# end
    //# end
    //# for j in 0..CHUNKS
    staged[${RIGHT}u + k${j} * ${WIDTH}u + inTile${j}] = h${j};
    //# end
    workgroupBarrier();
    // the next step's values, on their way while this one is multiplied
    //# if PLAIN
    c0 = min(c0 + 8u, runEnd - 8u);
    //# else
    c0 += 8u;
    if (c0 >= p.runC4) { c0 = 0u; runX++; }
    if (runX == p.runs) { runX = 0u; runY++; }
    //# end
  //# end
    //# if PLAIN
    //# for i in 0..ROWS
    //# if LEFT_HALF
    a${i} = input[at${i} + c0 / 2u];
    //# else
    a${i} = input[at${i} + c0];
    b${i} = input[at${i} + c0 + 1u];
    //# end
    //# end
    //# for j in 0..CHUNKS
    h${j} = weights[w${j} + c0 * 16u];
    //# end
    //# else
    {
      let c = c0 + part * 2u;
      let kx = i32(runX * p.dilation);
      let ky = i32(runY * p.dilation);
      let going = runY < p.kernelH;
      //# for i in 0..ROWS
      {
        let y = origin${i}.y + ky;
        let x = (origin${i}.x + kx) * i32(p.inC4) + i32(c);
        let inside = going && y >= 0 && y < i32(p.inH);
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
      let begin = select(0u, ((runY * p.runs + runX) * p.runC4 + c0) * 16u, going);
      //# for j in 0..CHUNKS
      h${j} = weights[w${j} + begin];
      //# end
    }
    //# end
  //# if looped
    //# for k in 0..2
    {
      //# for i in 0..WM
      let l${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, linesOfGroup + ${i * 144 + k * 2}u, 9u);
      //# end
      //# for j in 0..WN
      let r${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&staged, ${RIGHT + k * 16 * WIDTH + j * 2}u + colOfGroup / 8u, ${WIDTH}u);
      //# end
      //# for j in 0..WN
      //# for i in 0..WM
      s${i}_${j} = subgroupMatrixMultiplyAccumulate(l${i}, r${j}, s${i}_${j});
      //# end
      //# end
    }
    //# end
  }
  //# end
  //# end

  let r = lane / 4u;
  let q = lane % 4u;
  let own = subgroup * ${EACH * 80}u;
  //# for j in 0..WN
  let col${j} = colTile * ${BN / 4}u + colOfGroup / 4u + ${j * 4}u + q;
  let bias${j} = bias[min(col${j}, p.outC4 - 1u)];
  //# for h in 0..WM/EACH
  workgroupBarrier();
  //# for e in 0..EACH
  subgroupMatrixStore<row_major>(&staged, own + ${e * 80}u, s${h * EACH + e}_${j}, 5u);
  //# end
  workgroupBarrier();
  //# for e in 0..EACH
  //# for half in 0..2
  storeBatch(batch, row0 + rowOfGroup + ${(h * EACH + e) * 16 + half * 8}u + r, col${j}, bitcast<vec4f>(staged[own + ${e * 80 + half * 40}u + r * 5u + q]) + bias${j});
  //# end
  //# end
  //# end
  //# end
}
