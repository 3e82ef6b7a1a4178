// What the kernels of the weights' gradient are told. Sizes in elements, channels in groups of four (vec4).
//# const LEFT_SHEET = 0
//# const RIGHT_SHEET = 0
struct Params {
  inH: u32, inW: u32, inC4: u32, outH: u32, outW: u32, outC4: u32,
  kernelH: u32, kernelW: u32, stride: u32, dilation: u32, padY: u32, padX: u32,
  pixels: u32, chunk: u32, chunks: u32, cTiles: u32, colTiles: u32, size4: u32,
  rows: u32,  // of the output, for the kernel that walks rows; its chunks are in rows
  runC4: u32, // vec4s of input that one tap sees: all of a kernel row where its pixels are neighbours (kernelW is 1 then)
}
@group(0) @binding(0) var<uniform> p: Params;
//# if LEFT_SHEET
@group(0) @binding(1) var input: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(1) var<storage, read> input: array<vec4f>;
//# end
//# if RIGHT_SHEET
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read>;
//# else
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;        // dz, the output's gradient: the right side here
//# end
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;  // [chunks][panels][taps·inC][32]

// Position in the input that tap (ky, kx) of output pixel m sees: (n·inH + y)·inW + x, or −1 outside the image.
fn seen(m: u32, tap: u32) -> i32 {
  let y = i32((m / p.outW) % p.outH * p.stride + tap / p.kernelW * p.dilation) - i32(p.padY);
  let x = i32(m % p.outW * p.stride + tap % p.kernelW * p.dilation) - i32(p.padX);
  let inside = y >= 0 && y < i32(p.inH) && x >= 0 && x < i32(p.inW);
  return select(-1, (i32(m / (p.outW * p.outH) * p.inH) + y) * i32(p.inW) + x, inside);
}
