//# const HALF = 0
//# const LEFT_HALF = 0
//# const RIGHT_SHEET = 0
//# const LEFT_SHEET = 0
// What every convolution kernel is told. Sizes in elements, channels in groups of four (vec4), offsets in vec4s.
struct Params {
  inH: u32, inW: u32, inC4: u32,
  outH: u32, outW: u32, outC4: u32,
  kernelH: u32, kernelW: u32, stride: u32, dilation: u32, padY: u32, padX: u32,
  rowBegin: u32, rowEnd: u32,       // output pixels n·outH·outW + y·outW + x of this launch
  colTileBegin: u32, colTiles: u32, rowTiles: u32,
  inOffset: u32, outOffset: u32, weightOffset: u32,  // where the bound windows begin in their tensors
  relu: u32, residual: u32,
  batches: u32, batchIn: u32, batchWeight: u32, batchOut: u32,  // several products at once: the workgroup and matrix kernels only
  runs: u32, runC4: u32,            // a kernel row as contiguous runs of input: one of kernelW pixels, or kernelW of one
  splitC4: u32,                     // where batches are parts of K: vec4s of it that each has; else 0
}

@group(0) @binding(0) var<uniform> p: Params;
//# if LEFT_SHEET
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
//# else
//# if LEFT_HALF
@group(0) @binding(1) var<storage, read> input: array<vec4u>;     // eight halves each
//# else
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
//# end
//# end
//# if RIGHT_SHEET
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read>;
//# else
//# if HALF
@group(0) @binding(2) var<storage, read> weights: array<vec4u>;   // the same panels, as halves
//# else
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;   // panels [ceil(outC/32)][taps·inC][32]
//# end
//# end
@group(0) @binding(3) var<storage, read> bias: array<vec4f>;
@group(0) @binding(4) var<storage, read> residual: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4f>;

// Where the window of an output pixel begins in the input: column, row, and the first row of its image. Rows behind the
// launch's last stand for that one; they are computed and not stored.
fn originOf(row: u32) -> vec3i {
  let m = min(row, p.rowEnd - 1u);
  let x = i32((m % p.outW) * p.stride) - i32(p.padX);
  let y = i32(((m / p.outW) % p.outH) * p.stride) - i32(p.padY);
  return vec3i(x, y, i32(m / (p.outW * p.outH) * p.inH));
}

// The first channel that tap (kx, ky) of a window sees, in the bound part of the input; −1 outside the image.
fn addressOf(origin: vec3i, kx: u32, ky: u32) -> i32 {
  let x = origin.x + i32(kx * p.dilation);
  let y = origin.y + i32(ky * p.dilation);
  let inside = y >= 0 && y < i32(p.inH) && x >= 0 && x < i32(p.inW);
  return select(-1, ((origin.z + y) * i32(p.inW) + x) * i32(p.inC4) - i32(p.inOffset), inside);
}

// Stores four output channels of one pixel, bias included, with the epilogue that rides on every convolution.
fn store(row: u32, col4: u32, sum: vec4f) { storeBatch(0u, row, col4, sum); }

fn storeBatch(batch: u32, row: u32, col4: u32, sum: vec4f) {
  if (row >= p.rowEnd || col4 >= p.outC4) { return; }
  let at = row * p.outC4 + col4 - p.outOffset + batch * p.batchOut;
  var v = sum;
  if (p.residual != 0u) { v += residual[at]; }
  if (p.relu != 0u) { v = max(v, vec4f()); }
  output[at] = v;
}
