/**
 * @file What an op is: shape rule, forward dispatch, float64 twin, gradient, FLOPs and bytes, in one object and one file.
 * `run` is the only way to execute one, so shapes are always checked and costs always known.
 */
import type { Device } from "./device.js";
import type { Cost } from "./profiler.js";
import type { Tensor } from "./tensor.js";

/** A tensor of the CPU twins. */
export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The op is a choice or a layout for which a derivative has no meaning; the reason is part of the contract. */
export interface NonDifferentiable {
  readonly nonDifferentiable: string;
}

/** What a gradient rule is given. `needed[i]` says whether input i's gradient is asked for. */
export interface GradientContext<A> {
  readonly device: Device;
  readonly attrs: A;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  readonly outputGradient: Tensor;
  readonly needed: readonly boolean[];
}

/** Gradients by input; null where not needed or where the op does not depend on the input. */
export type GradientRule<A> = (context: GradientContext<A>) => (Tensor | null)[];

/** One operation on tensors. `A` are its attributes (strides, epsilons, …). Every field is required: the table is total. */
export interface Op<A> {
  readonly name: string;
  /** Names of the inputs, for messages; a trailing `?` marks one that may be left out at the end. */
  readonly inputs: readonly string[];
  /** Shape of the output. @throws Error in the form `op: what — expected …, got …`. */
  shape(attrs: A, inputs: readonly (readonly number[])[]): number[];
  forward(device: Device, inputs: readonly Tensor[], attrs: A, output: Tensor): void;
  reference(inputs: readonly Array64[], attrs: A): Float64Array;
  readonly gradient: GradientRule<A> | NonDifferentiable;
  cost(attrs: A, inputs: readonly (readonly number[])[], output: readonly number[]): Cost;
}

/** Runs an op: checks inputs, makes the output tensor and records the dispatches. */
export function run<A>(device: Device, op: Op<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  const least = op.inputs.filter((n) => !n.endsWith("?")).length;
  if (inputs.length < least || inputs.length > op.inputs.length)
    throw new Error(`${op.name}: number of inputs — expected ${op.inputs.join(", ")}, got ${inputs.length}`);
  const shape = op.shape(
    attrs,
    inputs.map((t) => t.shape),
  );
  const output = device.empty(shape, "f32", op.name);
  op.forward(device, inputs, attrs, output);
  return output;
}

/** Throws `op: what — expected …, got …` unless the condition holds. */
export function expect(
  condition: boolean,
  op: string,
  what: string,
  expected: unknown,
  got: unknown,
): asserts condition {
  if (!condition) throw new Error(`${op}: ${what} — expected ${show(expected)}, got ${show(got)}`);
}

function show(value: unknown): string {
  return Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
}

/** Product of a shape. */
export function size(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
}

/** The next multiple of four: channels are padded so that a load is always a vec4. */
export function pad4(n: number): number {
  return Math.ceil(n / 4) * 4;
}
