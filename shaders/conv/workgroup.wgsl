// Implicit-GEMM convolution for GPUs: a workgroup owns BM rows × BN columns, each invocation TM × TN of them in registers:
// rows 4·ty … 4·ty + 3 of each of TM/4 parts of the tile and columns likewise, so that all reads of workgroup memory are
// vec4 and those of a subgroup of 32 (8 tx × 4 ty) meet few addresses. The sixteen k of a step are unrolled in this text:
// addresses become constants, which is worth a quarter of the time.
//
//   K is staged in steps of 16 through workgroup memory: the left side turned, [k][row], the right side as it lies, [k][column].
//   While a step is multiplied the next one's values are already on their way into registers. The loop counts down to zero,
//   which Dawn sees to end: other loops with a run-time count get a guard, and behind that second way out compilers move loads.
//
// Of the left side an invocation stages four rows × four k, a square that it turns in registers; of the right side four vec4.
// Where there are enough invocations (TM · TN of them for a square tile) one half does the left and one half the right, else each does both.
// A step is four vec4 of one run of input (see params.wgsl); where the run ends early the rest of the left side is zero, and
// what the right side holds there does not matter.
//
// PLAIN: one tap without padding and runs of whole steps, so an invocation's rows lie at fixed places. What it steps over behind the
// last step is that step again.
//
// `batches` products of the same sizes may be done at once, their operands batchIn, batchWeight and batchOut vec4s apart.
//
//# const BM = 128
//# const BN = 128
//# const TM = 8
//# const TN = 8
//# const PLAIN = 0
//# const THREADS = BM * BN / TM / TN
//# const WIDE = BN / TN / 8
//# const STRIDE = BM / 4 + 1
//# include "conv/params.wgsl"

var<workgroup> lefts: array<vec4f, ${16 * STRIDE}>;   // [k 16][row BM, and four of padding against bank conflicts]
var<workgroup> rights: array<vec4f, ${4 * BN}>;       // [k 16][column BN]

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) tid: u32) {
  let tile = wg.x + wg.y * 65535u;
  let rowTile = tile % p.rowTiles;
  let colTile = tile / p.rowTiles % p.colTiles + p.colTileBegin;
  let batch = tile / p.rowTiles / p.colTiles;
  if (batch >= p.batches) { return; }
  let row0 = p.rowBegin + rowTile * ${BM}u;
  let K = p.kernelH * p.kernelW * p.inC4 * 4u;
  let tx = tid / 32u % ${WIDE}u * 8u + tid % 8u;
  let ty = tid / ${WIDE * 32}u * 4u + tid / 8u % 4u;

  // what this invocation stages: vec4 `part` of the left side's rows 4·quad … 4·quad + 3; one vec4 of each of four k of the right
  let stagesLeft = ${THREADS >= BM + BN ? 0 : 1}u == 1u || tid < ${BM}u;
  let stagesRight = ${THREADS >= BM + BN ? 0 : 1}u == 1u || tid >= ${BM}u;
  let part = tid % 4u;
  let quad = tid % ${BM}u / 4u;
  let other = tid % ${BN}u;
  //# for j in 0..4
  let origin${j} = originOf(row0 + quad * 4u + ${j}u);
  let k${j} = (other + ${j * BN}u) / ${BN / 4}u;
  let column${j} = colTile * ${BN / 4}u + (other + ${j * BN}u) % ${BN / 4}u;
  let w${j} = (min(column${j}, (p.outC4 + 7u) / 8u * 8u - 1u) / 8u * K + k${j}) * 8u + column${j} % 8u - p.weightOffset + batch * p.batchWeight;
  var a${j} = vec4f();
  var b${j} = vec4f();
  //# end
  //# for r in 0..TM
  //# for q in 0..TN/4
  var s${r}_${q} = vec4f();
  //# end
  //# end

  // the last part of a split K may be shorter
  let runEnd = select(p.runC4, min(p.runC4, p.inC4 - batch * p.splitC4), p.splitC4 != 0u);
  var c0 = 0u;
  //# if PLAIN
  let steps = runEnd / 4u;
  //# for j in 0..4
  let at${j} = (u32(origin${j}.z + origin${j}.y) * p.inW + u32(origin${j}.x)) * p.inC4 + part - p.inOffset + batch * p.batchIn;
  //# end
  //# else
  let stepsOfRun = (p.runC4 + 3u) / 4u;
  let steps = p.kernelH * p.runs * stepsOfRun;
  var runX = 0u;
  var runY = 0u;
  //# end
  //# for looped in 0..2
  //# if looped
  for (var left = steps; left > 0u; left--) {
    workgroupBarrier();
    if (stagesLeft) {
      //# for i in 0..4
      lefts[(part * 4u + ${i}u) * ${STRIDE}u + quad] = vec4f(a0[${i}], a1[${i}], a2[${i}], a3[${i}]);
      //# end
    }
    if (stagesRight) {
      //# for j in 0..4
      rights[other + ${j * BN}u] = b${j};
      //# end
    }
    workgroupBarrier();
    // the next step's values, on their way while this one is multiplied
    //# if PLAIN
    c0 = min(c0 + 4u, runEnd - 4u);
    //# else
    c0 += 4u;
    if (c0 >= p.runC4) { c0 = 0u; runX++; }
    if (runX == p.runs) { runX = 0u; runY++; }
    //# end
  //# end
    //# if PLAIN
    if (stagesLeft) {
      //# for j in 0..4
      a${j} = input[at${j} + c0];
      //# end
    }
    if (stagesRight) {
      //# for j in 0..4
      b${j} = weights[w${j} + c0 * 32u];
      //# end
    }
    //# else
    {
      let going = runY < p.kernelH;
      if (stagesLeft) {
        let c = c0 + part;
        let ky = i32(runY * p.dilation);
        let kx = i32(runX * p.dilation);
        //# for j in 0..4
        let y${j} = origin${j}.y + ky;
        let i${j} = (origin${j}.x + kx) * i32(p.inC4) + i32(c);
        let inside${j} = going && c < runEnd && y${j} >= 0 && y${j} < i32(p.inH) && u32(i${j}) < p.inW * p.inC4;
        let at${j} = (origin${j}.z + y${j}) * i32(p.inW * p.inC4) + i${j} - i32(p.inOffset) + i32(batch * p.batchIn);
        a${j} = select(vec4f(), input[select(0u, u32(at${j}), inside${j})], inside${j});
        //# end
      }
      if (stagesRight) {
        let begin = select(0u, ((runY * p.runs + runX) * p.runC4 + c0) * 32u, going);
        //# for j in 0..4
        b${j} = weights[w${j} + begin];
        //# end
      }
    }
    //# end
  //# if looped
    //# for k in 0..16
    {
      //# for g in 0..TM/4
      let l${g} = lefts[${k * STRIDE + g * BM / TM}u + ty];
      //# end
      //# for q in 0..TN/4
      let r${q} = rights[${k * BN / 4 + q * BN / TN}u + tx];
      //# end
      //# for r in 0..TM
      //# for q in 0..TN/4
      s${r}_${q} += l${r / 4}[${r % 4}] * r${q};
      //# end
      //# end
    }
    //# end
  }
  //# end
  //# end
  //# for q in 0..TN/4
  let col${q} = colTile * ${BN / 4}u + ${q * BN / TN}u + tx;
  let bias${q} = bias[min(col${q}, p.outC4 - 1u)];
  //# end
  //# for r in 0..TM
  //# for q in 0..TN/4
  storeBatch(batch, row0 + ty * 4u + ${Math.floor(r / 4) * BM / TM * 4 + r % 4}u, col${q}, s${r}_${q} + bias${q});
  //# end
  //# end
}
