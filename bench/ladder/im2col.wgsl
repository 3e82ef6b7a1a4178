// Convolution, step 2. The input as a matrix [pixels][9·C] for a GEMM kernel: nine times the input, written and read again.
struct Params { H: u32, W: u32, C4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> columns: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.H * p.W * 9u * p.C4) { return; }
  let c = i % p.C4;
  let tap = (i / p.C4) % 9u;
  let pixel = i / p.C4 / 9u;
  let px = i32(pixel % p.W) + i32(tap % 3u) - 1;
  let py = i32(pixel / p.W) + i32(tap / 3u) - 1;
  let inside = py >= 0 && py < i32(p.H) && px >= 0 && px < i32(p.W);
  let at = select(0u, (u32(py) * p.W + u32(px)) * p.C4 + c, inside);
  columns[i] = select(vec4f(), x[at], inside);
}
