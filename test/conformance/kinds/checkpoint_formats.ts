/** @file Checkpoints written by torch.save: good files give the recorded content, bad ones the recorded failure. */
import { FileFormatError } from "../../../base/errors.js";
import { f16ToNumber, type HostTensor, toFloat32 } from "../../../base/tensor.js";
import {
  NdArray,
  NumpyScalar,
  PyDict,
  PyFloat,
  PySet,
  PyTuple,
  type PyValue,
  plain,
  pyType,
} from "../../../formats/python.js";
import { readTorch } from "../../../formats/torch.js";
import { TorchDevice, TorchDType, TorchTensor } from "../../../formats/torch-values.js";
import { checkShapes, openCheckpoint } from "../../../nets/weights/checkpoint.js";
import { type CaseHandler, type Check, checkThat, compareExact, type GoldenCase } from "../case.js";

/** One value of case.json's description. */
interface Node {
  kind: string;
  value?: unknown;
  items?: [unknown, Node][] | Node[];
  hex?: string;
  dtype?: string;
  shape?: number[];
  stride?: number[];
  storage_offset?: number;
  storage_numel?: number;
  tensor?: string;
  parameter?: boolean;
  requires_grad?: boolean;
  fortran?: boolean;
}

const typeNames: Record<string, string> = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
};

const handler: CaseHandler = async (golden) => {
  const checks: Check[] = [];
  for (const good of golden.json.good as { name: string; files: string[]; content: Node }[]) {
    for (const file of good.files) {
      const comparison = new Comparison(golden, file);
      comparison.node(good.content, readTorch(golden.path(`files/${file}`)).root, "");
      const { faults, compared } = comparison;
      checks.push(
        checkThat(file, faults.length === 0, faults.slice(0, 3).join("; ") || `${compared} values as recorded`),
      );
      checks.push(...comparison.tensors);
    }
  }
  checks.push(...oldHow(golden));
  const shapes = new Map(Object.entries(golden.json.reference_state_dict_shapes as Record<string, number[]>));
  for (const bad of golden.json.bad as { file: string; expected_error: string }[]) {
    const got = failure(() => checkShapes(openCheckpoint(golden.path(`files/${bad.file}`)), shapes));
    const named = got.message.includes(bad.file);
    checks.push(
      checkThat(bad.file, got.kind === bad.expected_error && named, `${bad.expected_error}; got ${got.kind}`),
    );
  }
  return checks;
};

export default handler;

function failure(read: () => unknown): { kind: string; message: string } {
  try {
    read();
    return { kind: "no error", message: "" };
  } catch (e) {
    if (e instanceof FileFormatError) return { kind: e.kind, message: e.message };
    throw e;
  }
}

/** The conversion of old HOW files. */
function oldHow(golden: GoldenCase): Check[] {
  const want = golden.json.how_old_converted;
  const files = (golden.json.good as { name: string; files: string[] }[]).find(
    (g) => g.name === "how_old_checkpoint",
  )?.files;
  return (files ?? []).flatMap((file) => {
    const got = openCheckpoint(golden.path(`files/${file}`));
    const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
    const keys = [...got.stateDict.keys()];
    return [
      checkThat(`${file}: net_params`, same(got.netParams, want.net_params), JSON.stringify(got.netParams)),
      checkThat(`${file}: _version`, got.version === want._version && got.kind === "how", `${got.version}`),
      checkThat(`${file}: state dict names`, same(keys, want.state_dict_keys_in_order), keys.join(" ")),
    ];
  });
}

/** Walks description and value side by side. */
class Comparison {
  readonly faults: string[] = [];
  readonly tensors: Check[] = [];
  compared = 0;
  constructor(
    private readonly golden: GoldenCase,
    private readonly file: string,
  ) {}

  private expect(ok: boolean, path: string, detail: string): void {
    this.compared++;
    if (!ok) this.faults.push(`${path}: ${detail}`);
  }

  node(want: Node, got: PyValue | undefined, path: string): void {
    const simple = got === undefined ? undefined : plain(got);
    const is = (type: boolean) =>
      this.expect(
        type && Object.is(simple, want.value),
        path,
        `${want.kind} ${want.value}, got ${pyType(got)} ${simple}`,
      );
    switch (want.kind) {
      case "int":
        is(typeof got === "number");
        break;
      case "float":
        this.float(want, got, path);
        break;
      case "bool":
        is(typeof got === "boolean");
        break;
      case "str":
        is(typeof got === "string");
        break;
      case "NoneType":
        this.expect(got === null, path, `None, got ${pyType(got)}`);
        break;
      case "numpy_scalar":
        is(got instanceof NumpyScalar && typeNames[got.dtype] === want.dtype);
        break;
      case "bigint":
        this.expect(typeof got === "bigint" && String(got) === want.value, path, `${want.value}, got ${got}`);
        break;
      case "bytes":
        this.expect(got instanceof Uint8Array && Buffer.from(got).toString("hex") === want.hex, path, "bytes");
        break;
      case "set":
        this.expect(got instanceof PySet && same([...got], want.value), path, `set, got ${pyType(got)}`);
        break;
      case "torch.Size":
        this.expect(
          got instanceof PyTuple && got.type === want.kind && same(got.items, want.value),
          path,
          `torch.Size, got ${pyType(got)}`,
        );
        break;
      case "device":
        this.expect(got instanceof TorchDevice && got.name === want.value, path, `device, got ${pyType(got)}`);
        break;
      case "dtype":
        this.expect(got instanceof TorchDType && got.name === want.value, path, `dtype, got ${pyType(got)}`);
        break;
      case "list":
      case "tuple":
        this.sequence(want, got, path);
        break;
      case "dict":
      case "OrderedDict":
      case "defaultdict":
        this.dict(want, got, path);
        break;
      case "ndarray":
        this.array(want, got, path);
        break;
      case "tensor":
        this.tensor(want, got, path);
        break;
      default:
        this.expect(false, path, `the case describes a ${want.kind}, which this check does not know`);
    }
  }

  /** JSON has no infinities: the case may write them as text. */
  private float(want: Node, got: PyValue | undefined, path: string): void {
    const expected = { inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY }[String(want.value)];
    const ok = got instanceof PyFloat && Object.is(got.value, expected ?? Number(want.value));
    this.expect(ok, path, `float ${want.value}, got ${pyType(got)}`);
  }

  private sequence(want: Node, got: PyValue | undefined, path: string): void {
    const items = Array.isArray(got) ? got : got instanceof PyTuple ? got.items : undefined;
    const expected = want.items as Node[];
    this.expect(
      pyType(got) === want.kind && items?.length === expected.length,
      path,
      `${want.kind}, got ${pyType(got)}`,
    );
    for (const [i, node] of expected.entries()) this.node(node, items?.[i], `${path}[${i}]`);
  }

  private dict(want: Node, got: PyValue | undefined, path: string): void {
    const expected = want.items as [PyValue, Node][];
    const keys = got instanceof PyDict ? [...got.keys()] : [];
    const inOrder = same(
      keys,
      expected.map(([k]) => k),
    );
    this.expect(pyType(got) === want.kind && inOrder, path, `${want.kind} with other type, keys or order`);
    for (const [key, node] of expected)
      this.node(node, got instanceof PyDict ? got.get(key) : undefined, `${path}.${key}`);
  }

  private array(want: Node, got: PyValue | undefined, path: string): void {
    const ok = got instanceof NdArray && typeNames[got.dtype] === want.dtype && got.fortran === want.fortran;
    this.expect(ok && same(got.shape, want.shape), path, `array ${want.dtype} [${want.shape}], got ${pyType(got)}`);
    if (got instanceof NdArray) this.data(want, got);
  }

  private tensor(want: Node, got: PyValue | undefined, path: string): void {
    const ok =
      got instanceof TorchTensor &&
      typeNames[got.dtype] === want.dtype &&
      same(got.shape, want.shape) &&
      same(got.stride, want.stride) &&
      got.storageOffset === want.storage_offset &&
      got.storage.count === want.storage_numel &&
      got.isParameter === (want.parameter ?? false) &&
      got.requiresGrad === (want.requires_grad ?? false);
    this.expect(ok, path, `tensor ${want.dtype} [${want.shape}], got ${pyType(got)}`);
    if (got instanceof TorchTensor) this.data(want, got.toHost());
  }

  private data(want: Node, got: HostTensor): void {
    const name = want.tensor as string;
    const reference = this.golden.read(name);
    // the case stores bfloat16 widened to float32; float16 compares by value
    const widen = (t: HostTensor) =>
      t.dtype === "BF16" ? toFloat32(t) : t.dtype === "F16" ? Array.from(t.data as Uint16Array, f16ToNumber) : t.data;
    this.tensors.push(compareExact(`${this.file}: ${name}`, widen(got), widen(reference)));
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
