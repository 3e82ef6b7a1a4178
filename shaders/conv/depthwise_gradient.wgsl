// Gradients of depthwise convolution (conv/depthwise.wgsl); dz is the gradient before the activation behind it.
//
//   KIND 0  input:    dx[n, v, u, c] = Σ over taps whose window sees the cell  dz[n, (v + pad − ky)/S, (u + pad − kx)/S, c] · w[ky, kx, c],
//                     0 with CLIP_IN where the cell was clipped; an invocation owns a cell, four channels
//   KIND 1  weights:  dw[ky, kx, c] = Σ over outputs  act(x[…]) · dz[…], for a chunk of the output's rows; an invocation owns four
//                     packed numbers of a chunk, zeros where packing has nothing
//
//# const KIND = 0
//# const K = 3
//# const S = 1
//# const CLIP_IN = 0
struct Params { H: u32, W: u32, C4: u32, outH: u32, outW: u32, pad: u32, count: u32, each: u32, rows: u32, chunk: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read> dz: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count) { return; }
  var sum = vec4f();
  //# if KIND
  // packed as [panel][tap][4][8] by chunk of rows
  let at = i % p.each;
  let c = at / ${K * K * 32}u * 8u + at % 8u;
  if (at / 8u % 4u != 0u || c >= p.C4) { out[i] = sum; return; }
  let tap = at / 32u % ${K * K}u;
  let ky = tap / ${K}u;
  let kx = tap % ${K}u;
  let first = i / p.each * p.chunk;
  for (var row = first; row < min(p.rows, first + p.chunk); row++) {
    let v = i32(row % p.outH * ${S}u + ky) - i32(p.pad);
    if (v < 0 || v >= i32(p.H)) { continue; }
    let line = (row / p.outH * p.H + u32(v)) * p.W;
    for (var X = 0u; X < p.outW; X++) {
      let u = i32(X * ${S}u + kx) - i32(p.pad);
      if (u < 0 || u >= i32(p.W)) { continue; }
      let value = x[(line + u32(u)) * p.C4 + c];
      //# if CLIP_IN
      sum += min(max(value, vec4f()), vec4f(6.0)) * dz[(row * p.outW + X) * p.C4 + c];
      //# else
      sum += value * dz[(row * p.outW + X) * p.C4 + c];
      //# end
    }
  }
  out[i] = sum;
  //# else
  let c = i % p.C4;
  let u = i32(i / p.C4 % p.W) + i32(p.pad);
  let v = i32(i / p.C4 / p.W % p.H) + i32(p.pad);
  let n = i / p.C4 / p.W / p.H;
  let filters = c / 8u * ${K * K * 32}u + c % 8u;
  for (var ky = 0; ky < ${K}; ky++) {
    let Y = (v - ky) / ${S};
    if (v < ky || (v - ky) % ${S} != 0 || Y >= i32(p.outH)) { continue; }
    for (var kx = 0; kx < ${K}; kx++) {
      let X = (u - kx) / ${S};
      if (u < kx || (u - kx) % ${S} != 0 || X >= i32(p.outW)) { continue; }
      let tap = u32(ky * ${K} + kx);
      sum += dz[((n * p.outH + u32(Y)) * p.outW + u32(X)) * p.C4 + c] * weights[filters + tap * 32u];
    }
  }
  //# if CLIP_IN
  sum = select(vec4f(), sum, (x[i] > vec4f()) & (x[i] < vec4f(6.0)));
  //# end
  out[i] = sum;
  //# end
}
