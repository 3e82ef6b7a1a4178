/**
 * @file Does this device compute as our kernels need it? WGSL leaves the accuracy of exp, log2, pow, sqrt and division, the
 * rounding to halves, and what max makes of NaN open to some degree, and drivers have used that freedom, and more. So each device
 * computes a few hundred known values once a process (shaders/check/builtins.wgsl) before it is given work.
 */
import { DeviceError } from "../base/errors.js";
import { f16ToNumber, numberToF16 } from "../base/tensor.js";
import type { Capabilities } from "./adapter.js";
import { settled } from "./dawn.js";
import { specialise } from "./shader.js";

/** One function, as a device computes it. */
export interface SelfCheckRow {
  readonly name: string;
  /** Kernels rely on it: a device that is not `ok` here is refused. The others only tell what a driver chose. */
  readonly required: boolean;
  readonly ok: boolean;
  /** For people: the largest error in units of the allowed one, the rounding that was found, or the first wrong value. */
  readonly found: string;
}

interface Operands {
  readonly x: number;
  readonly y: number;
}

/** A function with one right value, and how far off a device may be. */
interface Measured {
  readonly name: string;
  readonly row: number;
  /** Which operands it is defined for, and gives a normal float32 for: drivers may make others 0. */
  readonly domain: (o: Operands) => boolean;
  readonly exact: (o: Operands) => number;
  /** Absolute. */
  readonly allowed: (o: Operands, exact: number) => number;
}

/**
 * Times the bounds below that is borne: drivers go a little beyond them (lavapipe's exp by 7 %), and networks agree with their
 * goldens all the same. A broken function is off by far more.
 */
const PATIENCE = 4;

/** Distance of neighbouring float32 around a value. */
const ulp = (v: number) => 2 ** (Math.floor(Math.log2(Math.abs(v))) - 23);
const normal = (v: number) => Math.abs(v) >= 2 ** -126 && Math.abs(v) < 2 ** 127;
const atMost = (limit: number) => (v: number) => Math.abs(v) <= limit;
const logError = (x: number) => (x >= 0.5 && x <= 2 ? 2 ** -21 : 3 * ulp(Math.log2(x)));

/** The bounds are those of WGSL ("Floating point accuracy"); sqrt and pow inherit theirs from what they may be made of. */
const MEASURED: readonly Measured[] = [
  {
    name: "exp",
    row: 0,
    domain: ({ x }) => atMost(80)(x),
    exact: ({ x }) => Math.exp(x),
    allowed: ({ x }, v) => (3 + 2 * Math.abs(x)) * ulp(v),
  },
  {
    name: "exp2",
    row: 1,
    domain: ({ x }) => atMost(100)(x),
    exact: ({ x }) => 2 ** x,
    allowed: ({ x }, v) => (3 + 2 * Math.abs(x)) * ulp(v),
  },
  {
    name: "log2",
    row: 2,
    domain: ({ x }) => x > 0 && normal(x),
    exact: ({ x }) => Math.log2(x),
    allowed: ({ x }) => logError(x),
  },
  {
    name: "pow",
    row: 3,
    domain: ({ x, y }) => x > 0 && normal(x) && atMost(100)(y * Math.log2(x)),
    exact: ({ x, y }) => x ** y,
    allowed: ({ x, y }, v) => {
      const exponent = y * Math.log2(x);
      const relative = Math.LN2 * (Math.abs(y) * logError(x) + ulp(exponent || 1));
      return v * relative + (3 + 2 * Math.abs(exponent)) * ulp(v);
    },
  },
  {
    name: "sqrt",
    row: 4,
    domain: ({ x }) => x > 0 && normal(x),
    exact: ({ x }) => Math.sqrt(x),
    allowed: (_, v) => 5 * ulp(v),
  },
  {
    name: "division",
    row: 5,
    domain: ({ x, y }) => normal(x) && normal(y) && normal(x / y),
    exact: ({ x, y }) => x / y,
    allowed: (_, v) => 2.5 * ulp(v),
  },
  { name: "round", row: 6, domain: ({ x }) => atMost(2 ** 30)(x), exact: ({ x }) => toEven(x), allowed: () => 0 },
  {
    name: "max",
    row: 7,
    domain: ({ x, y }) => !Number.isNaN(x) && !Number.isNaN(y),
    exact: ({ x, y }) => Math.max(x, y),
    allowed: () => 0,
  },
  {
    name: "to half, in integers",
    row: 11,
    domain: ({ x }) => Number.isFinite(x),
    exact: ({ x }) => f16ToNumber(halfOf(x)),
    allowed: () => 0,
  },
  {
    name: "half to float",
    row: 12,
    domain: ({ x }) => Math.abs(x) >= 2 ** -14 && Number.isFinite(x),
    exact: ({ x }) => f16ToNumber(halfOf(x)),
    allowed: () => 0,
  },
];

const PACKED = { name: "to half, in integers, packed", row: 10 };
const ROWS = 14;

/** Halves next to float32 values, ties to even; what they cannot hold as their largest value. */
const halfOf = (x: number) => numberToF16(Math.min(65504, Math.max(-65504, x)));

function toEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest === 0.5 ? floor + (((floor % 2) + 2) % 2) : Math.round(x);
}

/** The columns: ties and their neighbours, small and large magnitudes, and what networks meet: float32 all of them. */
export function operands(): Operands[] {
  const xs = [
    0, 0.5, 1, 1.5, 2, 2.5, 3.5, 1e-3, 0.1234567, 0.3333333, 0.7071068, 3.1415927, 10, 65504, 65519, 1e5, 1e20,
  ];
  for (let k = 0; k < 40; k++)
    xs.push(1 + k / 2048 + 2 ** -13, 2 ** (k - 25) * (1 + ((k * 37) % 64) / 61), k * 2.03 - 0.5);
  const ys = [1, 3, -2.5, 0.1, 7, -0.3];
  const pairs = xs.flatMap((x, i) => [x, -x].map((v, j) => ({ x: v, y: ys[(2 * i + j) % ys.length] })));
  pairs.push({ x: Number.NaN, y: 0 }, { x: 0, y: Number.NaN });
  return pairs.map(({ x, y }) => ({ x: Math.fround(x), y: Math.fround(y) }));
}

const known = new Map<string, Promise<readonly SelfCheckRow[]>>();

/**
 * What the device makes of each function; computed once a process for each adapter and driver.
 * @throws DeviceError when the device cannot even run the check
 */
export function selfCheck(gpu: GPUDevice, caps: Capabilities): Promise<readonly SelfCheckRow[]> {
  const key = `${caps.name} ${caps.driver}`;
  let rows = known.get(key);
  if (!rows) {
    rows = compute(gpu, caps).then((results) => judge(results, caps.f16));
    known.set(key, rows);
    rows.catch(() => known.delete(key));
  }
  return rows;
}

/** @throws DeviceError when a function that kernels rely on is wrong */
export function requireSound(rows: readonly SelfCheckRow[], name: string): void {
  const wrong = rows.filter((r) => r.required && !r.ok);
  if (wrong.length > 0)
    throw new DeviceError(
      "SELF_CHECK",
      `engine: ${name} computes wrongly: ${wrong.map((r) => `${r.name} (${r.found})`).join(", ")} — ` +
        "update its driver, or use another device (fire-gpu devices, --device software)",
    );
}

/** Whether a conversion to halves rounds to the nearest: what matrix units are given goes through it. */
export function roundsToNearest(rows: readonly SelfCheckRow[], conversion: string): boolean {
  return rows.find((r) => r.name === conversion)?.ok ?? false;
}

/** Judges results [row][column] of shaders/check/builtins.wgsl, in the order of `operands`. */
export function judge(results: Uint32Array, f16: boolean, pairs: readonly Operands[] = operands()): SelfCheckRow[] {
  const floats = new Float32Array(results.buffer, results.byteOffset, results.length);
  const at = (row: number, column: number) => row * pairs.length + column;
  const rows: SelfCheckRow[] = MEASURED.map(({ name, row, domain, exact, allowed }) => {
    let worst = 0;
    let wrong: string | undefined;
    for (const [i, o] of pairs.entries()) {
      if (!domain(o)) continue;
      const value = exact(o);
      const got = floats[at(row, i)];
      const error = Math.abs(got - value);
      const bound = allowed(o, value);
      if (error <= PATIENCE * bound) worst = Math.max(worst, bound > 0 ? error / bound : 0);
      else wrong ??= `expected ${value}, got ${got}, for ${o.x} and ${o.y}`;
    }
    return {
      name,
      required: true,
      ok: wrong === undefined,
      found: wrong ?? `${Math.round(worst * 100)} % of the allowed error`,
    };
  });
  const bad = pairs.findIndex(({ x }, i) => Number.isFinite(x) && results[at(PACKED.row, i)] !== halfOf(x));
  const detail =
    bad < 0 ? "exact" : `expected ${halfOf(pairs[bad].x)}, got ${results[at(PACKED.row, bad)]}, for ${pairs[bad].x}`;
  rows.push({ name: PACKED.name, required: true, ok: bad < 0, found: detail });

  const within = ({ x }: Operands) => Math.abs(x) >= 2 ** -14 && Math.abs(x) < 65504;
  const rounding = (name: string, value: (column: number) => number) => {
    const errors = pairs.flatMap((o, i) =>
      within(o) ? [{ x: o.x, half: value(i), nearest: f16ToNumber(halfOf(o.x)) }] : [],
    );
    const nearest = errors.every(({ half, nearest: n }) => half === n);
    const cut = errors.every(({ x, half }) => Math.abs(half) <= Math.abs(x));
    rows.push({
      name,
      required: false,
      ok: nearest,
      found: nearest ? "to nearest" : cut ? "towards zero" : "neither to nearest nor towards zero",
    });
  };
  rounding("quantizeToF16", (i) => floats[at(8, i)]);
  rounding("pack2x16float", (i) => f16ToNumber(results[at(9, i)]));
  if (f16) rounding("f16()", (i) => f16ToNumber(results[at(13, i)]));
  const nan = pairs.flatMap(({ x, y }, i) => (Number.isNaN(x) || Number.isNaN(y) ? [floats[at(7, i)]] : []));
  const kept = nan.map((v) => (Number.isNaN(v) ? "NaN" : String(v))).join(" and ");
  rows.push({ name: "max of NaN and 0", required: false, ok: nan.every(Number.isNaN), found: kept });
  return rows;
}

/** Runs the kernel on a bare device: nothing above it may be trusted yet. */
async function compute(gpu: GPUDevice, caps: Capabilities): Promise<Uint32Array> {
  const pairs = operands();
  const bytes = 4 * ROWS * pairs.length;
  const storage = GPUBufferUsage.STORAGE;
  const uniform = gpu.createBuffer({ size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  const input = gpu.createBuffer({ size: 8 * pairs.length, usage: storage | GPUBufferUsage.COPY_DST });
  const output = gpu.createBuffer({ size: bytes, usage: storage | GPUBufferUsage.COPY_SRC });
  const back = gpu.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  try {
    const code = specialise("check/builtins.wgsl", { F16: caps.f16 ? 1 : 0 });
    const module = gpu.createShaderModule({ label: "check/builtins", code });
    const pipeline = await settled(gpu.createComputePipelineAsync({ layout: "auto", compute: { module } }));
    gpu.queue.writeBuffer(uniform, 0, Uint32Array.of(pairs.length, 0, 0, 0));
    gpu.queue.writeBuffer(input, 0, Float32Array.from(pairs.flatMap(({ x, y }) => [x, y])));
    const entries = [uniform, input, output].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(Math.ceil(pairs.length / 64));
    pass.end();
    encoder.copyBufferToBuffer(output, 0, back, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    await settled(back.mapAsync(GPUMapMode.READ));
    return new Uint32Array(back.getMappedRange().slice(0));
  } catch (cause) {
    throw new DeviceError(
      "SELF_CHECK",
      `engine: ${caps.name} cannot run the first check — ${(cause as Error).message}`,
      {
        cause,
      },
    );
  } finally {
    for (const buffer of [uniform, input, output, back]) buffer.destroy();
  }
}
