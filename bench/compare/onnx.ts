/**
 * @file Writes a graph as an ONNX model: just enough of the protobuf wire format (fields of varints and of bytes) and of
 * onnx.proto3 (ModelProto, GraphProto, NodeProto, TensorProto) for Conv, Relu, Add, MaxPool and MatMul.
 */
import type { GraphWork } from "./works.js";

const OPSET = 13;
const IR_VERSION = 8;
const FLOAT = 1;

/** Fields of a message, in order. */
class Message {
  private readonly parts: Uint8Array[] = [];

  int(field: number, value: number): this {
    this.parts.push(varint(field << 3), varint(value));
    return this;
  }

  bytes(field: number, value: Uint8Array | string | Message): this {
    const data =
      value instanceof Message ? value.encode() : typeof value === "string" ? Buffer.from(value, "utf8") : value;
    this.parts.push(varint((field << 3) | 2), varint(data.length), data);
    return this;
  }

  encode(): Uint8Array {
    return Buffer.concat(this.parts);
  }
}

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...out, rest]);
}

/** A model under construction. */
class Model {
  private readonly graph = new Message();

  node(type: string, inputs: readonly string[], output: string, attributes: Record<string, readonly number[]> = {}) {
    const node = new Message();
    for (const i of inputs) node.bytes(1, i);
    node.bytes(2, output).bytes(3, output).bytes(4, type);
    for (const [name, values] of Object.entries(attributes)) {
      const attribute = new Message().bytes(1, name);
      for (const v of values) attribute.int(8, v);
      node.bytes(5, attribute.int(20, 7)); // type INTS
    }
    this.graph.bytes(1, node);
  }

  constant(name: string, shape: readonly number[], values: Float32Array) {
    const tensor = new Message();
    for (const d of shape) tensor.int(1, d);
    tensor.int(2, FLOAT).bytes(8, name);
    tensor.bytes(9, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.graph.bytes(5, tensor);
  }

  /** Names the graph, its input and its output. */
  encode(input: [name: string, shape: readonly number[]], output: [name: string, shape: readonly number[]]) {
    this.graph
      .bytes(2, "bench")
      .bytes(11, value(...input))
      .bytes(12, value(...output));
    const opset = new Message().bytes(1, "").int(2, OPSET);
    return new Message().int(1, IR_VERSION).bytes(7, this.graph).bytes(8, opset).encode();
  }
}

function value(name: string, shape: readonly number[]): Message {
  const dims = new Message();
  for (const d of shape) dims.bytes(1, new Message().int(1, d));
  const tensor = new Message().int(1, FLOAT).bytes(2, dims);
  return new Message().bytes(1, name).bytes(2, new Message().bytes(1, tensor));
}

/** A graph with input "image" [1, C, H, W] and output "result", NCHW. */
export function graphModel({ size, nodes }: GraphWork): Uint8Array {
  const [height, width, channels] = size;
  const model = new Model();
  const sizes = new Map<string, readonly [c: number, h: number, w: number]>([["image", [channels, height, width]]]);
  const last = nodes.at(-1)!.output;
  const named = (name: string) => (name === last ? "result" : name);
  for (const n of nodes) {
    const [c, h, w] = sizes.get(n.input)!;
    if (n.kind === "maxpool") {
      model.node("MaxPool", [n.input], named(n.output), { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
      sizes.set(n.output, [c, Math.ceil(h / 2), Math.ceil(w / 2)]);
      continue;
    }
    const { kernel: k, stride: s, pad: p } = n;
    model.constant(`${n.output}.weight`, [n.outChannels, n.inChannels, k, k], n.weight);
    model.constant(`${n.output}.bias`, [n.outChannels], n.bias);
    const steps = [n.residual ? "Add" : "", n.relu ? "Relu" : ""].filter((step) => step);
    const name = (step: number) => (step === steps.length ? named(n.output) : `${n.output}/${step}`);
    model.node("Conv", [n.input, `${n.output}.weight`, `${n.output}.bias`], name(0), {
      kernel_shape: [k, k],
      strides: [s, s],
      pads: [p, p, p, p],
    });
    steps.forEach((type, i) => {
      model.node(type, type === "Add" ? [name(i), n.residual!] : [name(i)], name(i + 1));
    });
    const side = (d: number) => Math.floor((d + 2 * p - k) / s) + 1;
    sizes.set(n.output, [n.outChannels, side(h), side(w)]);
  }
  return model.encode(["image", [1, channels, height, width]], ["result", [1, ...sizes.get(last)!]]);
}

/** "image" [m, k] times a constant [k, n] → "result" [m, n]. */
export function matmulModel(m: number, n: number, k: number, right: Float32Array): Uint8Array {
  const model = new Model();
  model.constant("right", [k, n], right);
  model.node("MatMul", ["image", "right"], "result");
  return model.encode(["image", [m, k]], ["result", [m, n]]);
}
