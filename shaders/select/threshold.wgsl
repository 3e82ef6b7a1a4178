// Picks the n strongest of `count` candidates: finds, by radix selection in one workgroup, the n-th largest pair
// (strength, then smaller index) and lists every candidate at or above it, in no particular order.
// Strengths are compared as unsigned integers after the usual order-preserving map of float bits. Seven passes of eight
// bits: four over the strength, three over the inverted index (so ties go to the smaller index). count < 2²⁴.
struct Params { count: u32, keep: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> strengths: array<f32>;
@group(0) @binding(2) var<storage, read_write> chosen: array<u32>;

var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> prefixKey: u32;
var<workgroup> prefixTie: u32;
var<workgroup> left: u32;
var<workgroup> listed: atomic<u32>;

fn keyOf(i: u32) -> u32 {
  let b = bitcast<u32>(strengths[i]);
  return select(b | 0x80000000u, ~b, (b & 0x80000000u) != 0u);
}

// Does the candidate agree with the prefix found so far in all digits above `digit`? Digits 0..3 key, 4..6 tie.
fn agrees(key: u32, tie: u32, digit: u32) -> bool {
  if (digit < 4u) { return digit == 0u || (key >> (32u - digit * 8u)) == prefixKey; }
  return key == prefixKey && (digit == 4u || (tie >> (24u - (digit - 4u) * 8u)) == prefixTie);
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) {
    prefixKey = 0u;
    prefixTie = 0u;
    left = p.keep;
    atomicStore(&listed, 0u);
  }
  for (var digit = 0u; digit < 7u; digit++) {
    atomicStore(&histogram[lane], 0u);
    workgroupBarrier();
    for (var i = lane; i < p.count; i += 256u) {
      let key = keyOf(i);
      let tie = 0xffffffu - i;
      if (agrees(key, tie, digit)) {
        let bits = select(tie >> ((6u - digit) * 8u), key >> ((3u - digit) * 8u), digit < 4u);
        atomicAdd(&histogram[bits & 255u], 1u);
      }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var b = 255u;
      var rest = left;
      for (; b > 0u; b--) {
        let n = atomicLoad(&histogram[b]);
        if (n >= rest) { break; }
        rest -= n;
      }
      left = rest;
      if (digit < 4u) { prefixKey = (prefixKey << 8u) | b; } else { prefixTie = (prefixTie << 8u) | b; }
    }
    workgroupBarrier();
  }
  for (var i = lane; i < p.count; i += 256u) {
    let key = keyOf(i);
    if (key > prefixKey || (key == prefixKey && 0xffffffu - i >= prefixTie)) { chosen[atomicAdd(&listed, 1u)] = i; }
  }
}
