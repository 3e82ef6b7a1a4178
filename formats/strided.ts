/** @file Elements in any order of axes brought into row-major order. */

/** What has elements by position. */
type Elements = { readonly length: number; [at: number]: unknown };

/** More axes than any array or tensor of numpy and torch has. */
export const maxAxes = 64;

/** Fills `to`, row-major, with from[Σ index · stride]. Shape and stride may come from a file; positions must be checked. */
export function gather<T extends Elements>(from: T, to: T, shape: readonly number[], stride: readonly number[]): void {
  // axes of side 1 never move, and would be carried over at every step
  const axes = [...shape.keys()].filter((axis) => shape[axis] !== 1);
  const sides = axes.map((axis) => shape[axis]);
  const steps = axes.map((axis) => stride[axis]);
  const index = sides.map(() => 0);
  let at = 0;
  for (let i = 0; i < to.length; i++) {
    to[i] = from[at];
    for (let axis = sides.length - 1; axis >= 0; axis--) {
      at += steps[axis];
      if (++index[axis] < sides[axis]) break;
      at -= steps[axis] * sides[axis];
      index[axis] = 0;
    }
  }
}
