// Partial sums Σ weight[r] · x[r, :] over blocks of 64 rows: y [blocks, C]. The few blocks are added in float64 on the CPU.
// Each image of a batch has blocks of its own, the last may be short.
struct Params { rows: u32, blocks: u32, all: u32, C4: u32 }   // rows and blocks of an image, blocks of all
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = wg.x + wg.y * 65535u;
  if (block >= p.all) { return; }
  let image = block / p.blocks;
  let first = image * p.rows + block % p.blocks * 64u;
  let end = min(first + 64u, (image + 1u) * p.rows);
  for (var c = lane; c < p.C4; c += 32u) {
    var s = vec4f();
    for (var r = first; r < end; r++) { s += weight[r] * x[r * p.C4 + c]; }
    y[block * p.C4 + c] = s;
  }
}
