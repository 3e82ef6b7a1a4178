// The same keys as hamming_groups.wgsl, with 32 codes at a time in bit slices (software drivers, where counting the ones
// of a u32 costs eleven instructions, and there are four to a pair).
//
// hamming_transpose.wgsl has made one u32 of each bit of 32 codes. XOR with a mask of the query's bit, 0 or all ones,
// gives the differences of 32 codes at once; carry-save adders (Harley-Seal) sum them up into a counter of which bit b of
// all 32 codes is one u32, c_b. Sixteen planes pass 15 adders, whose sums are c_0 … c_3, and leave one carry, which ripples
// up from c_4.
//
// An adder is five operations on 32 codes, so a pair costs about 30 operations with all that is around it, not 60. The
// least of 32 counters is found from the highest bit down: codes with a 0 there stay in the race unless there is none.
//
// Lanes are queries, PER each. The masks are 32·LENGTH·PER values a lane, which live in registers and on the stack; planes
// are loaded a vec4 a lane and handed round by broadcast.
//
//# const LANES = 8
//# const PER = 3
//# const LENGTH = 4
// bits of a counter, enough for 32·LENGTH
//# const BITS = 8
// planes are in a texture
//# const SHEETS = 0
enable subgroups;
struct Params { codes: u32, groups: u32, queryTiles: u32, chunks: u32, chunkGroups: u32 }
@group(0) @binding(0) var<uniform> p: Params;
//# if SHEETS
@group(0) @binding(1) var planes: texture_storage_2d<rgba32float, read>;   // the same bits in texels (engine/sheet.ts)
//# else
@group(0) @binding(1) var<storage, read> planes: array<vec4u>;        // [group][2 blocks][LENGTH · 32]
//# end
@group(0) @binding(2) var<storage, read> queries: array<u32>;         // [queryTiles · LANES · PER][LENGTH]
@group(0) @binding(3) var<storage, read_write> keys: array<u32>;      // [group][query]

fn carry(a: u32, b: u32, c: u32) -> u32 {
  return (a & b) | ((a ^ b) & c);
}

//# if SHEETS
fn planesAt(i: u32) -> vec4u { return bitcast<vec4u>(textureLoad(planes, vec2u(i % 1024u, i / 1024u))); }
//# else
fn planesAt(i: u32) -> vec4u { return planes[i]; }
//# end

@compute @workgroup_size(${LANES})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = wg.x + wg.y * 65535u;
  if (tile >= p.queryTiles * p.chunks) { return; }
  let query = ((tile % p.queryTiles) * ${LANES}u + lane) * ${PER}u;
  //# for j in 0..PER
  //# for w in 0..LENGTH
  let q${j}_${w} = queries[(query + ${j}u) * ${LENGTH}u + ${w}u];
  //# for b in 0..32
  let m${j}_${w * 32 + b} = 0u - ((q${j}_${w} >> ${31 - b}u) & 1u);
  //# end
  //# end
  //# end
  let first = (tile / p.queryTiles) * p.chunkGroups;
  //# for j in 0..PER
  var least${j} = 1023u;
  //# end
  let end = min(first + p.chunkGroups, p.groups) * 2u;
  var block = first * 2u;
  loop {
      //# for v in 0..(LENGTH * 8 + LANES - 1) / LANES
      let mine${v} = planesAt(block * ${LENGTH * 8}u + min(${v * LANES}u + lane, ${LENGTH * 8 - 1}u));
      //# end
      //# for j in 0..PER
      //# for b in 0..BITS
      var c${j}_${b} = 0u;
      //# end
      //# end
      //# for s in 0..LENGTH * 2
      {
        //# for v in 0..4
        let x${v} = subgroupBroadcast(mine${Math.floor((s * 4 + v) / LANES)}, ${(s * 4 + v) % LANES}u);
        //# end
        //# for j in 0..PER
        {
          //# for b in 0..16
          let d${b} = x${Math.floor(b / 4)}[${b % 4}] ^ m${j}_${s * 16 + b};
          //# end
          // eight adders of c_0 with two planes each, then four of c_1 with two carries, two of c_2, one of c_3
          //# for a in 0..8
          let t${a} = carry(c${j}_0, d${2 * a}, d${2 * a + 1});
          c${j}_0 = c${j}_0 ^ d${2 * a} ^ d${2 * a + 1};
          //# end
          //# for a in 0..4
          let f${a} = carry(c${j}_1, t${2 * a}, t${2 * a + 1});
          c${j}_1 = c${j}_1 ^ t${2 * a} ^ t${2 * a + 1};
          //# end
          //# for a in 0..2
          let e${a} = carry(c${j}_2, f${2 * a}, f${2 * a + 1});
          c${j}_2 = c${j}_2 ^ f${2 * a} ^ f${2 * a + 1};
          //# end
          var up = carry(c${j}_3, e0, e1);
          c${j}_3 = c${j}_3 ^ e0 ^ e1;
          //# for b in 4..BITS
          {
            let next = c${j}_${b} & up;
            c${j}_${b} ^= up;
            up = next;
          }
          //# end
        }
        //# end
      }
      //# end
      //# for j in 0..PER
      {
        var race = 0xffffffffu;
        var distance = 0u;
        //# for b in 0..BITS
        {
          let zeros = race & ~c${j}_${BITS - 1 - b};
          let some = zeros != 0u;
          race = select(race, zeros, some);
          distance |= select(${1 << (BITS - 1 - b)}u, 0u, some);
        }
        //# end
        least${j} = min(least${j}, distance);
      }
      //# end
    if (block % 2u == 1u) {
      let out = (block / 2u) * p.queryTiles * ${LANES * PER}u + query;
      //# for j in 0..PER
      keys[out + ${j}u] = (least${j} << 22u) | (block / 2u * 64u);
      least${j} = 1023u;
      //# end
    }
    continuing { block++; break if block >= end; }
  }
}
