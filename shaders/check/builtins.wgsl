// What this device makes of the built-in functions whose result WGSL leaves open to some degree, for engine/self-check.ts:
// one row of results for each function, one column for each pair of operands, all as bits.
//
//# const F16 = 0
//# if F16
enable f16;
//# end
//# include "common/half.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> operands: array<vec2f>;            // [column]
@group(0) @binding(2) var<storage, read_write> results: array<u32>;         // [row][column]

fn store(row: u32, column: u32, value: f32) { results[row * p.count + column] = bitcast<u32>(value); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= p.count) { return; }
  let x = operands[i].x;
  let y = operands[i].y;
  store(0u, i, exp(x));
  store(1u, i, exp2(x));
  store(2u, i, log2(x));
  store(3u, i, pow(x, y));
  store(4u, i, sqrt(x));
  store(5u, i, x / y);
  store(6u, i, round(x));
  store(7u, i, max(x, y));
  store(8u, i, quantizeToF16(x));
  results[9u * p.count + i] = pack2x16float(vec2f(x, 0.0)) & 0xffffu;
  results[10u * p.count + i] = halfBits(x);
  store(11u, i, nearestHalf(vec4f(x)).x);
  store(12u, i, unpack2x16float(halfBits(x)).x);
  //# if F16
  results[13u * p.count + i] = bitcast<u32>(vec2<f16>(f16(clamp(x, -65504.0, 65504.0)), 0.0h)) & 0xffffu;
  //# end
}
