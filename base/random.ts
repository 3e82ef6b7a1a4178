/** @file Reproducible random numbers: the 32-bit Mersenne Twister and the permutation that faiss draws from it. */

const N = 624;
const M = 397;

/** mt19937 with the standard single-seed initialisation, as C++ `std::mt19937` and numpy's legacy `RandomState(seed)`. */
export class Mt19937 {
  private readonly state = new Uint32Array(N);
  private at = N;

  /** @param seed an unsigned 32-bit integer; larger values are taken modulo 2³². */
  constructor(seed: number) {
    this.state[0] = seed >>> 0;
    for (let i = 1; i < N; i++) {
      const previous = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** The next 32 bits, as a number in 0 … 2³² − 1. */
  nextU32(): number {
    if (this.at === N) this.refill();
    let y = this.state[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  /** float32(u32) / 2³²: what faiss calls rand_float. It can be exactly 1, because 2³² − 1 rounds up in float32. */
  nextF32(): number {
    return Math.fround(this.nextU32()) / 2 ** 32;
  }

  private refill(): void {
    const s = this.state;
    for (let i = 0; i < N; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % N] & 0x7fffffff);
      s[i] = s[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }
}

/**
 * A permutation of 0 … n−1 by forward swaps: for i = 0 … n−2, swap element i with element i + (next u32 mod (n − i)).
 * The slight bias of the remainder is kept on purpose: it makes the numbers equal to those of faiss `rand_perm`.
 */
export function randomPermutation(n: number, seed: number): Uint32Array {
  const random = new Mt19937(seed);
  const p = new Uint32Array(n);
  for (let i = 0; i < n; i++) p[i] = i;
  for (let i = 0; i < n - 1; i++) {
    const j = i + (random.nextU32() % (n - i));
    const keep = p[i];
    p[i] = p[j];
    p[j] = keep;
  }
  return p;
}
