/**
 * @file A checkpoint's weights in half precision, for files that are shipped: convolutions and matrices become 16-bit
 * floats, vectors (batch norms, biases), templates and counters stay as they are.
 */
import { UsageError } from "../../base/errors.js";
import { firstNotFiniteOf } from "../../base/finite.js";
import { numberToF16 } from "../../base/tensor.js";
import { bytesOf } from "../../formats/dtypes.js";
import { PyDict, type PyValue } from "../../formats/python.js";
import { TorchTensor } from "../../formats/torch-values.js";

/**
 * The same dictionary with the matrices of its `state_dict` halved, and `meta.training` set where `about` is given.
 * @throws UsageError for a weight that a 16-bit float cannot hold
 */
export function halved(root: PyDict, about?: string): PyDict {
  return mapped(root, (key, value) => {
    if (key === "state_dict" && value instanceof PyDict)
      return mapped(value, (name, t) => (t instanceof TorchTensor ? halfTensor(String(name), t) : t));
    if (key === "meta" && value instanceof PyDict && about !== undefined)
      return PyDict.of([...[...value].filter(([k]) => k !== "training"), ["training", about]]);
    return value;
  });
}

/** A dictionary with other values, in the same order and of the same type. */
function mapped(dict: PyDict, value: (key: PyValue, value: PyValue) => PyValue): PyDict {
  const items = [...dict].map(([k, v]): [PyValue, PyValue] => [k, value(k, v)]);
  const result = PyDict.of(items as [string, PyValue][], dict.type === "OrderedDict" ? "OrderedDict" : "dict");
  result.attributes = dict.attributes;
  return result;
}

function halfTensor(name: string, tensor: TorchTensor): TorchTensor {
  const { dtype, shape, data } = tensor.toHost();
  const matrix = shape.filter((side) => side > 1).length >= 2;
  if (dtype !== "F32" || !matrix) return tensor;
  const halves = Uint16Array.from(data as Float32Array, numberToF16);
  const at = firstNotFiniteOf({ dtype: "F16", shape, data: halves });
  if (at >= 0)
    throw new UsageError("BeyondHalf", `${name}: value ${at} is ${data[at]}, more than a 16-bit float holds (65504)`);
  const bytes = bytesOf(halves);
  return TorchTensor.contiguous(name, "F16", shape, (begin, length) => bytes.subarray(begin, begin + length));
}
