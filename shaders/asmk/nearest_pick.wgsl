// The PICK groups of words with the highest scores, for each vector: highest first, equal ones by lower group.
// One workgroup a row of best [rows, groups]. Every invocation keeps a sorted list of the PICK best of the groups it
// passes, in registers (most groups fail one comparison); then PICK rounds take the best head of all lists.
//
//   picked[row, i] = group of the i-th best;  last[row] = score of the worst picked: no other group is above it
//
//# const PICK = 4
//# include "asmk/reduce.wgsl"
struct Params { rows: u32, groups4: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> best: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> picked: array<u32>;
@group(0) @binding(3) var<storage, read_write> last: array<f32>;

const NONE = 0xffffffffu;

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = wg.x + wg.y * 65535u;
  if (row >= p.rows) { return; }
  //# for i in 0..PICK
  var score${i} = -3.4e38;
  var group${i} = NONE;
  //# end
  for (var g = lane; g < p.groups4; g += ${THREADS}u) {
    let four = best[row * p.groups4 + g];
    //# for q in 0..4
    {
      let s = four[${q}];
      // groups come in ascending order, so an equal one stays behind
      if (s > score${PICK - 1}) {
        let id = g * 4u + ${q}u;
        //# for k in 0..PICK-1
        if (s > score${PICK - 2 - k}) {
          score${PICK - 1 - k} = score${PICK - 2 - k};
          group${PICK - 1 - k} = group${PICK - 2 - k};
        } else if (s > score${PICK - 1 - k}) {
          score${PICK - 1 - k} = s;
          group${PICK - 1 - k} = id;
        }
        //# end
        if (s > score0) {
          score0 = s;
          group0 = id;
        }
      }
    }
    //# end
  }
  for (var i = 0u; i < ${PICK}u; i++) {
    let top = maxAll(score0, lane);
    let id = minAll(select(NONE, group0, score0 == top), lane);
    if (lane == 0u) {
      picked[row * ${PICK}u + i] = id;
      last[row] = top;
    }
    if (group0 == id) {
      //# for k in 0..PICK-1
      score${k} = score${k + 1};
      group${k} = group${k + 1};
      //# end
      score${PICK - 1} = -3.4e38;
      group${PICK - 1} = NONE;
    }
  }
}
