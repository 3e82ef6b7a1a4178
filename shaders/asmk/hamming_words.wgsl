// A code of LENGTH u32 as VECS vectors of VEC words, and the number of ones of a difference.
//# const LENGTH = 4
//# const VEC = LENGTH % 4 == 0 ? 4 : LENGTH % 2 == 0 ? 2 : 1
//# const VECS = LENGTH / VEC
//# if VEC == 1
alias Word = u32;
fn onesOf(w: Word) -> u32 { return countOneBits(w); }
//# else
alias Word = vec${VEC}u;
//# if VEC == 2
fn onesOf(w: Word) -> u32 {
  let n = countOneBits(w);
  return n.x + n.y;
}
//# else
fn onesOf(w: Word) -> u32 {
  let n = countOneBits(w);
  return (n.x + n.y) + (n.z + n.w);
}
//# end
//# end
