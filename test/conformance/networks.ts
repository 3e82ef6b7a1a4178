/** @file What the network cases share: generated weights, layout changes, subsets, and lists with near-ties. */
import type { ImageInput } from "../../base/image.js";
import { f32Tensor, type HostTensor, numberToF16 } from "../../base/tensor.js";
import { type Device, openDevice } from "../../engine/device.js";
import { run } from "../../engine/op.js";
import { normalise } from "../../engine/ops/normalise.js";
import type { Gradients } from "../../engine/tape.js";
import type { Tensor } from "../../engine/tensor.js";
import type { LocalFeatures, RetrievalNetwork, RuntimeParams } from "../../nets/network.js";
import { State } from "../../nets/state.js";
import type { TrainingStore } from "../../nets/train/training-store.js";
import { generateValues } from "../../nets/weights/generator.js";
import { CaseSkipped, type Check, type Context, checkThat, compareClose, type GoldenCase } from "./case.js";

let device: Promise<Device> | undefined;

/** One device for all cases of a run. */
export function sharedDevice(): Promise<Device> {
  device ??= openDevice();
  return device;
}

/** Cases that take minutes on SwiftShader; of a kind with several, a sampled run keeps one there. */
const LARGE = /large_image$/;
const LARGE_FOR_A_SAMPLE = /large_image$|full_r50$|fire_train_step__(?!lr3e-5)/;

/**
 * SwiftShader runs a network ten times slower than lavapipe: realistic image sizes take minutes there.
 * @throws CaseSkipped on such a driver unless everything was asked for
 */
export function leaveLargeToFullRun(golden: GoldenCase, device: Device, { full, sample }: Context): void {
  const large = sample ? LARGE_FOR_A_SAMPLE : LARGE;
  if (large.test(golden.name) && isSlow(device) && !full)
    throw new CaseSkipped(`${device.caps.name} is slow; ${sample ? "a run without --sample" : "--full"} runs it`);
}

/** SwiftShader, by what it can do: a software driver with subgroups of four. */
export function isSlow(device: Device): boolean {
  return device.caps.software && device.caps.subgroupSize <= 4;
}

/** The tensors of a case by state-dict name: generated ones, and stored ones under `bn/` or `w/`. */
export function caseTensors(golden: GoldenCase): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, g] of Object.entries<{ shape: number[]; a: number; c: number }>(
    golden.json.generated_weights ?? {},
  )) {
    const count = g.shape.reduce((n, d) => n * d, 1);
    tensors.set(name, f32Tensor(g.shape, generateValues(golden.json.base_seed, name, count, g.a, g.c)));
  }
  for (const name of golden.tensors.names) {
    const stored = /^(?:bn|w)\/(.+)$/.exec(name)?.[1];
    if (stored) tensors.set(stored, golden.read(name));
  }
  return tensors;
}

/** The state dict of a case. */
export function caseState(golden: GoldenCase): State {
  return new State(caseTensors(golden), golden.name);
}

/** NHWC data of a batch → NCHW; C channels, unpadded. */
export function imagesFirst(data: Float32Array, N: number, C: number): Float32Array {
  const per = data.length / N;
  const parts = Array.from({ length: N }, (_, n) => data.subarray(n * per, (n + 1) * per));
  return Float32Array.from(parts.flatMap((p) => Array.from(columnsFirst(p, p.length / C, C, C))));
}

/** Compares `grad/<name>` for every learned parameter of a store; uses the leaves' gradients up. */
export async function checkParameterGradients(
  golden: GoldenCase,
  store: TrainingStore,
  leaves: Gradients,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [name, tensor] of store.parameterGradients(leaves)) {
    const data = await store.device.readF32(tensor);
    if (golden.has(`grad/${name}`))
      checks.push(golden.compare(`grad/${name}`, data.subarray(0, store.parameters.get(name)!.count)));
    tensor.free();
  }
  return checks;
}

/** [N, C, H, W] → [N, H, W, C padded to a multiple of 4]. */
export function toNhwc(t: HostTensor, pad = 4): { shape: number[]; data: Float32Array } {
  const [N, C, H, W] = t.shape;
  const padded = Math.ceil(C / pad) * pad;
  const data = new Float32Array(N * H * W * padded);
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++)
      for (let i = 0; i < H * W; i++) data[(n * H * W + i) * padded + c] = t.data[(n * C + c) * H * W + i] as number;
  return { shape: [N, H, W, padded], data };
}

/** Rows of [R, stride] → columns-first [C', R], every `step`-th column of the first C: the order of the cases' maps. */
export function columnsFirst(
  data: Float32Array,
  rows: number,
  stride: number,
  columns: number,
  step = 1,
): Float32Array {
  const out = new Float32Array(Math.ceil(columns / step) * rows);
  let at = 0;
  for (let c = 0; c < columns; c += step) for (let r = 0; r < rows; r++) out[at++] = data[r * stride + c];
  return out;
}

/** The step of a subset text such as "channels 0,16,32,... of 64"; 1 where there is none. */
export function subsetStep(golden: GoldenCase, tensor: string): number {
  return Number(/\b0,(\d+)/.exec(String(golden.note(tensor).subset ?? ""))?.[1] ?? 1);
}

/** The case's input `x`, already normalised, or its photo `image_u8`. */
export function caseImage(golden: GoldenCase): ImageInput {
  if (golden.has("image_u8")) {
    const t = golden.read("image_u8");
    return { width: t.shape[1], height: t.shape[0], data: t.data as Uint8Array };
  }
  const { shape, data } = toNhwc(golden.read("x"));
  return { width: shape[2], height: shape[1], data };
}

/** The case's photo on the device, normalised [1, H, W, 4]. */
export function uploadImage(device: Device, { width, height, data }: ImageInput, runtime: RuntimeParams): Tensor {
  if (data instanceof Float32Array) return device.upload(data, [1, height, width, 4]);
  const [mean, std] = runtime.meanStd;
  return run(device, normalise, [device.upload(data, [data.length])], { height, width, mean, std });
}

/**
 * A sorted list of local features against the case's. Strengths closer than float32 can tell may swap, and the last
 * entries may differ where their strength equals the last kept one: rows are matched by (scale, location).
 */
export function checkLocal(golden: GoldenCase, prefix: string, got: LocalFeatures): Check[] {
  const locations = golden.read(`${prefix}/loc`).data as Int16Array;
  const scales = golden.read(`${prefix}/scale_f16bits`).data as Int16Array;
  const strengthName = golden.has(`${prefix}/strength_f64`) ? `${prefix}/strength_f64` : `${prefix}/strength`;
  const strengths = golden.f32(strengthName);
  const checks = [golden.compare(`${prefix}/strength`, got.strengths)];
  if (got.count !== strengths.length)
    return [...checks, checkThat(`${prefix}/loc`, false, `expected ${strengths.length} rows, got ${got.count}`)];
  const key = (scale: number, x: number, y: number) => `${scale & 0xffff}/${x},${y}`;
  const rows = new Map<string, number>();
  for (let i = 0; i < got.count; i++)
    rows.set(key(numberToF16(got.scales[i]), got.locations[2 * i], got.locations[2 * i + 1]), i);
  const close = (golden.note(`${prefix}/strength`).tol?.rel_max ?? 0) * 3 * strengths[0];
  const last = strengths.at(-1)!;
  const found = new Int32Array(strengths.length);
  let displaced = 0;
  let wrong = 0;
  for (let i = 0; i < strengths.length; i++) {
    const row = rows.get(key(scales[i], locations[2 * i], locations[2 * i + 1]));
    found[i] = row ?? -1;
    if (row === undefined) wrong += Math.abs(strengths[i] - last) <= close ? 0 : 1;
    else if (row !== i) {
      displaced++;
      if (Math.abs(got.strengths[row] - got.strengths[i]) > close) wrong++;
    }
  }
  checks.push(
    checkThat(
      `${prefix}/loc`,
      wrong === 0,
      `rows matched by scale and location; ${displaced} swapped within ${close.toExponential(1)}, ${wrong} wrong`,
    ),
  );
  checks.push(checkDescriptors(golden, prefix, got, found));
  return checks;
}

/** Global descriptors, and every sorted list of local features that the case has. */
export async function checkSelections(
  golden: GoldenCase,
  net: RetrievalNetwork,
  image: ImageInput,
  scales: readonly number[],
): Promise<Check[]> {
  const checks: Check[] = [];
  if (golden.has("global_ms")) checks.push(golden.compare("global_ms", await net.extractGlobal(image, scales)));
  if (golden.has("global_ss")) checks.push(golden.compare("global_ss", await net.extractGlobal(image, [1])));
  const stated: Record<string, { features_num: number | null; scales: readonly number[] }> =
    golden.json.forward_local ?? {};
  // the cases with realistic image sizes have one list, whose options are those of the published evaluation
  const lists = { local: { features_num: 1000, scales }, ...stated };
  for (const [name, options] of Object.entries(lists)) {
    if (!golden.has(`${name}/desc`)) continue;
    const got = await net.extractLocal(image, { scales: options.scales, featuresNum: options.features_num });
    checks.push(...checkLocal(golden, name, got));
  }
  return checks;
}

function checkDescriptors(golden: GoldenCase, prefix: string, got: LocalFeatures, found: Int32Array): Check {
  const name = `${prefix}/desc`;
  const note = golden.note(name);
  const wanted = golden.f32(note.f64_tensor ?? name);
  const step = subsetStep(golden, name);
  const dim = note.shape[1];
  const ours = Float32Array.from(wanted);
  for (let i = 0; i * step < found.length; i++) {
    const row = found[i * step];
    if (row >= 0) ours.set(got.descriptors.subarray(row * dim, (row + 1) * dim), i * dim);
  }
  return compareClose(name, ours, wanted, note.tol ?? {}, 3);
}
