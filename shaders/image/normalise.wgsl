// Photo bytes (RGB, three a pixel, packed into words) → [H, W, 4] floats (v/255 − mean)/deviation, fourth channel zero.
// Each invocation owns four pixels: three whole words.
struct Params { pixels: u32, outOffset: u32, pixel0: u32, pad0: u32, mean: vec4f, deviation: vec4f }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> bytes: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

fn put(pixel: u32, rgb: vec3u) {
  if (pixel >= p.pixels) { return; }
  y[pixel - p.outOffset] = vec4f((vec3f(rgb) / 255.0 - p.mean.xyz) / p.deviation.xyz, 0.0);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let four = (wg.x + wg.y * 65535u) * 64u + lane;
  let pixel = p.pixel0 + four * 4u;
  if (pixel >= p.pixels) { return; }
  let w = pixel / 4u * 3u;
  let a = bytes[w];
  let b = bytes[w + 1u];
  let c = bytes[w + 2u];
  put(pixel, vec3u(a, a >> 8u, a >> 16u) & vec3u(255u));
  put(pixel + 1u, vec3u(a >> 24u, b & 255u, (b >> 8u) & 255u));
  put(pixel + 2u, vec3u((b >> 16u) & 255u, b >> 24u, c & 255u));
  put(pixel + 3u, vec3u((c >> 8u) & 255u, (c >> 16u) & 255u, c >> 24u));
}
