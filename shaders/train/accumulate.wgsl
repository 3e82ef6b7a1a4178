// y += x, or y = x with COPY = 1, for PAIRS pairs of tensors; end<j> is the workgroup behind the last of pair j, count<j> its
// vec4s. Where a count of words is no multiple of four (WORDS = 1) it is that of words, done one by one.
//# const COPY = 0
//# const PAIRS = 1
//# const WORDS = 0
//# if WORDS
alias Value = f32;
//# else
alias Value = vec4f;
//# end
struct Params {
  //# for j in 0..PAIRS
  end${j}: u32, count${j}: u32,
  //# end
}
@group(0) @binding(0) var<uniform> p: Params;
//# for j in 0..PAIRS
@group(0) @binding(${1 + j}) var<storage, read> x${j}: array<Value>;
@group(0) @binding(${1 + PAIRS + j}) var<storage, read_write> y${j}: array<Value>;
//# end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = wg.x + wg.y * 65535u;
  var first = 0u;
  //# for j in 0..PAIRS
  if (group < p.end${j}) {
    let i = (group - first) * 64u + lane;
    if (i < p.count${j}) {
      //# if COPY
      y${j}[i] = x${j}[i];
      //# else
      y${j}[i] += x${j}[i];
      //# end
    }
    return;
  }
  first = p.end${j};
  //# end
}
