/**
 * @file Weights that are numbers. A NaN in a trunk ends in its ReLU, and a plausible result with it; so weights are looked
 * at when they are loaded, a nanosecond each.
 */
import { FileFormatError } from "../../base/errors.js";
import { firstNotFiniteOf } from "../../base/finite.js";
import { type HostTensor, toFloat32 } from "../../base/tensor.js";

/** Throws where a tensor holds NaN, infinity or what float32 cannot hold, or a batch norm a negative variance. */
export function requireSound(file: string, name: string, tensor: HostTensor): void {
  // networks compute in float32: a float64 beyond its range becomes infinity there
  const values = tensor.dtype === "F64" ? { ...tensor, dtype: "F32" as const, data: toFloat32(tensor) } : tensor;
  const at = firstNotFiniteOf(values);
  const shown = (i: number) => toFloat32({ ...values, shape: [1], data: values.data.slice(i, i + 1) })[0];
  if (at >= 0)
    throw new FileFormatError(
      "NotFinite",
      file,
      `${name}: value ${at} is ${shown(at)}, no number that a network can compute with; the training diverged or the file is damaged`,
    );
  if (!name.endsWith("running_var")) return;
  const negative = toFloat32(values).findIndex((v) => v < 0);
  if (negative >= 0)
    throw new FileFormatError(
      "MalformedFile",
      file,
      `${name}: value ${negative} is ${shown(negative)}, expected a variance of 0 or more; the file is damaged`,
    );
}
