/**
 * @file Which adapter to use, and what it can do. Above this file only `Capabilities` are seen, never a vendor's name.
 */
import { DeviceError, UsageError } from "../base/errors.js";
import { didYouMean } from "../base/suggest.js";
import { createInstance } from "./dawn.js";
import { loadSoftwareDriver } from "./software-driver.js";

/** What kernels may rely on. Sizes in bytes. */
export interface Capabilities {
  /** The driver's own name of the device, for people and cache keys. */
  readonly name: string;
  readonly driver: string;
  /** A driver that computes on the CPU: loads are dear there and workgroup memory gains nothing. */
  readonly software: boolean;
  /** Lanes of a subgroup where that is one fixed number and subgroups are supported, else 0. */
  readonly subgroupSize: number;
  readonly f16: boolean;
  /** Products of 16 × 16 matrices of halves with float32 sums by a subgroup of 32 (conv/matrix.wgsl). */
  readonly matrixUnits: boolean;
  readonly timestamps: boolean;
  readonly maxBinding: number;
  readonly maxBuffer: number;
  readonly maxWorkgroupStorage: number;
  readonly maxInvocations: number;
  readonly offsetAlignment: number;
}

/** Dawn features that must be asked for by name; unknown ones are ignored by Dawn. */
const FLAGS = [
  // without the second there are no matrix units: their part of WGSL is a draft
  "enable-dawn-features=vulkan_enable_f16_on_nvidia,allow_unsafe_apis",
  "disable-dawn-features=timestamp_quantization",
];

/** Subgroup matrices. */
const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix";

const SOFTWARE = "software";

/** Code of the error for a name that no device has. */
export const NO_SUCH_DEVICE = "NO_SUCH_DEVICE";

/** Names of the adapters that Dawn sees now, in its order. */
export async function listAdapters(): Promise<string[]> {
  try {
    // an impossible name makes Dawn answer with the list
    await createInstance(["adapter=\u0001"]).requestAdapter();
  } catch (e) {
    return [...String((e as Error).message).matchAll(/name: '([^']*)'/g)].map((m) => m[1]);
  }
  return [];
}

/**
 * The adapter that `select` names: an index into `listAdapters()`, a part of a name, `software` for the driver that the
 * package brings, or nothing for the first there is. Without any adapter the package's software driver is loaded.
 * @throws UsageError when nothing has that name, with a list of what was seen; DeviceError when there is none at all
 */
export async function chooseAdapter(select?: string): Promise<GPUAdapter> {
  if (select?.toLowerCase() === SOFTWARE) return await softwareAdapter();
  if (select === undefined || select === "")
    return (
      (await createInstance(FLAGS).requestAdapter({ powerPreference: "high-performance" })) ?? (await softwareAdapter())
    );
  const names = await listAdapters();
  const index = /^\d+$/.test(select)
    ? Number(select)
    : names.findIndex((n) => n.toLowerCase().includes(select.toLowerCase()));
  const name = names[index];
  const known = [...names.map((n, i) => `${i} "${n}"`), `"${SOFTWARE}"`].join(", ");
  if (!name)
    throw new UsageError(
      NO_SUCH_DEVICE,
      `engine: no device matches "${select}" — expected one of ${known}${meant(select, names)}`,
    );
  const adapter = await createInstance([...FLAGS, `adapter=${name}`]).requestAdapter();
  if (!adapter) throw new DeviceError("NO_ADAPTER", `engine: the driver refused device "${name}" — known: ${known}`);
  return adapter;
}

function meant(select: string, names: readonly string[]): string {
  const hint = didYouMean(select, [SOFTWARE, ...names.flatMap((name) => [name, ...name.split(/\W+/)])]);
  return hint && `; ${hint}`;
}

async function softwareAdapter(): Promise<GPUAdapter> {
  const problem = loadSoftwareDriver();
  const adapter = problem ? null : await createInstance(FLAGS).requestAdapter();
  if (adapter) return adapter;
  throw new DeviceError(
    "NO_ADAPTER",
    `engine: no Vulkan, Metal or Direct3D device — ${problem ?? "the packed driver gave no adapter"}; ` +
      "install a GPU driver, or Mesa's mesa-vulkan-drivers 25 or newer, or reinstall with optional packages",
  );
}

/** One row of what Dawn says of an adapter's matrices. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

function halfMatrices({ features, info }: GPUAdapter): boolean {
  if (!features.has(MATRIX_FEATURE) || !features.has("shader-f16")) return false;
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  return [...subgroupMatrixConfigs].some(
    (c) => c.componentType === "f16" && c.resultComponentType === "f32" && [c.M, c.N, c.K].every((side) => side === 16),
  );
}

/** Reads the capabilities of an adapter. */
export function capabilitiesOf(adapter: GPUAdapter): Capabilities {
  const info = adapter.info as GPUAdapterInfo & {
    subgroupMinSize?: number;
    subgroupMaxSize?: number;
    isFallbackAdapter?: boolean;
  };
  const limits = adapter.limits;
  const fixed = adapter.features.has("subgroups" as GPUFeatureName) && info.subgroupMinSize === info.subgroupMaxSize;
  const software =
    info.isFallbackAdapter === true ||
    info.architecture === "software" ||
    /swiftshader|llvmpipe/i.test(info.device + info.description);
  return {
    name: (info.device || info.description).replace(/-+$/, ""),
    driver: info.description,
    software,
    subgroupSize: fixed ? (info.subgroupMaxSize ?? 0) : 0,
    f16: adapter.features.has("shader-f16"),
    matrixUnits: fixed && info.subgroupMaxSize === 32 && halfMatrices(adapter),
    timestamps: adapter.features.has("timestamp-query"),
    maxBinding: limits.maxStorageBufferBindingSize,
    maxBuffer: limits.maxBufferSize,
    maxWorkgroupStorage: limits.maxComputeWorkgroupStorageSize,
    maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    offsetAlignment: Math.max(16, limits.minStorageBufferOffsetAlignment),
  };
}

/** A device with all that kernels may use. @throws DeviceError (NO_DEVICE) when the driver refuses it */
export async function requestGpu(adapter: GPUAdapter, caps: Capabilities): Promise<GPUDevice> {
  const features: GPUFeatureName[] = [];
  for (const f of ["subgroups", "shader-f16", "timestamp-query"] as GPUFeatureName[])
    if (adapter.features.has(f)) features.push(f);
  if (caps.matrixUnits) features.push(MATRIX_FEATURE as GPUFeatureName);
  const limits = adapter.limits;
  try {
    return await adapter.requestDevice({
      requiredFeatures: features,
      requiredLimits: {
        maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
        maxBufferSize: limits.maxBufferSize,
        maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
        maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
        maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
        minStorageBufferOffsetAlignment: caps.offsetAlignment,
      },
    });
  } catch (cause) {
    throw new DeviceError("NO_DEVICE", `engine: ${caps.name} refused a device — ${(cause as Error).message}`, {
      cause,
    });
  }
}
