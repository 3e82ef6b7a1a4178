// Half precision in integers, rounded to the nearest, ties to even. WGSL leaves the rounding of quantizeToF16, pack2x16float
// and f16() open, and drivers differ (SwiftShader's quantizeToF16 cuts off), so none of them is used where the numbers matter.
// What a half cannot hold becomes its largest value; NaN stays NaN.

// The bits of the half next to `value`, in the low sixteen.
fn halfBits(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return sign | 0x7e00u; }
  // below 2^-14 halves are multiples of 2^-24; round() goes to the even neighbour
  if (magnitude < 0x38800000u) { return sign | u32(round(bitcast<f32>(magnitude) * 0x1p24f)); }
  let rounded = magnitude + 0xfffu + ((magnitude >> 13u) & 1u);
  return sign | min((rounded - 0x38000000u) >> 13u, 0x7bffu);
}

// The half next to each value, as float32.
fn nearestHalf(value: vec4f) -> vec4f {
  let bits = bitcast<vec4u>(value);
  let magnitude = bits & vec4u(0x7fffffffu);
  let rounded = min((magnitude + vec4u(0xfffu) + ((magnitude >> vec4u(13u)) & vec4u(1u))) & vec4u(0xffffe000u), vec4u(0x477fe000u));
  let small = bitcast<vec4u>(round(bitcast<vec4f>(magnitude) * 0x1p24f) * 0x1p-24f);
  let half = select(select(rounded, small, magnitude < vec4u(0x38800000u)), magnitude, magnitude > vec4u(0x7f800000u));
  return bitcast<vec4f>(half | (bits & vec4u(0x80000000u)));
}
