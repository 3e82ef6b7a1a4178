// ReLU6 and its gradient, element by element: KIND 0  y = min(max(x, 0), 6);  KIND 1  y = dy where 0 < x < 6, else 0 (torch).
//# const KIND = 0
struct Params { count4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
//# if KIND
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
//# else
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
//# end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (wg.x + wg.y * 65535u) * 64u + lane;
  if (i >= p.count4) { return; }
  let v = x[i];
  //# if KIND
  y[i] = select(vec4f(), dy[i], (v > vec4f()) & (v < vec4f(6.0)));
  //# else
  y[i] = min(max(v, vec4f()), vec4f(6.0));
  //# end
}
