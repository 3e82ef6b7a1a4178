/**
 * @file Random numbers by name: a stream is a hash of its seed and its labels, and draw i is a hash of the stream and i.
 * Nothing has to be carried along: training that continues in the middle of epoch 7 asks for "epoch 7, flips" again and
 * gets the same draws, whatever happened before.
 */

/** A bijective 32-bit hash with good avalanche ("lowbias32"). */
function mix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Where a stream stands: plain data for files. */
export interface StreamState {
  readonly key: readonly [number, number];
  readonly position: number;
}

/** One sequence of draws. */
export class RandomStream {
  private constructor(
    private readonly key: readonly [number, number],
    private position: number,
  ) {}

  /** The stream of a seed and of labels such as ("epoch", 7, "flips"). */
  static of(seed: number, ...labels: readonly (string | number)[]): RandomStream {
    let [a, b] = [mix(seed ^ 0x9e3779b9), mix(seed ^ 0x85ebca6b)];
    for (const ch of labels.join("\u0001")) {
      a = mix(a ^ ch.charCodeAt(0));
      b = mix(b + Math.imul(ch.charCodeAt(0), 0x27d4eb2f));
    }
    return new RandomStream([a, b], 0);
  }

  /** Goes on where another one stood. */
  static from({ key, position }: StreamState): RandomStream {
    return new RandomStream(key, position);
  }

  get state(): StreamState {
    return { key: this.key, position: this.position };
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return this.at(this.position++);
  }

  /** Draw number `index`, without moving. */
  at(index: number): number {
    return mix(mix(mix(index) ^ this.key[0]) ^ this.key[1]) / 2 ** 32;
  }

  /** A whole number in [0, n). */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** Near-normal with mean 0 and deviation 1 (Box and Muller). */
  gauss(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** The first `count` of a random permutation of 0 … n−1 (Fisher and Yates). */
  permutation(n: number, count = n): Int32Array {
    const p = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < count; i++) {
      const j = i + this.below(n - i);
      const keep = p[i];
      p[i] = p[j];
      p[j] = keep;
    }
    return p.slice(0, count);
  }
}
