/** @file A device with a network and the arithmetic of ASMK on it: what evaluation and extraction work with. */
import type { AsmkBackend } from "../asmk/backend.js";
import { GpuBackend } from "../asmk/gpu/backend.js";
import { UsageError } from "../base/errors.js";
import { NO_SUCH_DEVICE } from "../engine/adapter.js";
import type { Device, Precision } from "../engine/device.js";
import { openTuned } from "../engine/tuning/open.js";
import { loadNetwork } from "../nets/load.js";
import type { RetrievalNetwork } from "../nets/network.js";
import { type HalfPrecisionError, halfPrecisionError, halfPrecisionText, losesTooMuch } from "./half-precision.js";
import { requireModel } from "./model-hint.js";

/** A network and an ASMK backend on one device. */
export interface OpenModel {
  readonly network: RetrievalNetwork;
  readonly backend: AsmkBackend;
  /** Name of the device, for reports. */
  readonly device: string;
  /** What the user should know of the device: that it computes in software. To be told once. */
  readonly notice?: string;
  /** Of the network; default "f32". */
  readonly precision?: Precision;
  /** Most bytes of device memory that were in use at once so far. */
  readonly peakBytes?: () => number;
  close(): void | Promise<void>;
}

/** Which device, how much of its memory, which kernels. */
export interface DeviceChoice {
  /** As `--device`: index, part of a name, or "software"; default: $FIRE_GPU_DEVICE, else `gpu_id` of the file. */
  readonly device?: string;
  /** Bytes of GPU memory to hold at most. */
  readonly memory?: number;
  /** false: kernels by capability; by default those found fastest, which a GPU is timed for at its first use. */
  readonly tune?: boolean;
  /** Of the network's convolutions and products. With "f16" its error is measured and told. */
  readonly precision?: Precision;
  /** Told what is timed and kept, and the error of half precision. */
  readonly news?: (line: string) => void;
  /** Told that error instead, where the network loses too much; default: `news` is. */
  readonly warn?: (line: string) => void;
}

/** The error of half precision to whom it concerns. */
export function tellError(
  error: HalfPrecisionError,
  device: Pick<Device, "caps">,
  { news, warn = news }: Pick<DeviceChoice, "news" | "warn">,
): void {
  (losesTooMuch(error) ? warn : news)?.(halfPrecisionText(error, device));
}

/**
 * Opens the device and loads a FIRe or HOW checkpoint onto it.
 * @param gpuId `gpu_id` of a configuration: null asks for a computation on the CPU, 0 leaves the choice to the program
 * @throws DeviceError, FileFormatError, MissingDataError
 */
export async function openModel(
  checkpoint: string,
  choice: DeviceChoice,
  gpuId: number | null = 0,
): Promise<OpenModel> {
  requireModel(checkpoint);
  const device = await openChosen(choice, gpuId);
  try {
    const network = loadNetwork(device, checkpoint);
    const { precision = "f32" } = choice;
    if (precision === "f16") tellError(await halfPrecisionError(device, network), device, choice);
    device.precision = precision;
    const backend = new GpuBackend(device);
    return {
      network,
      backend,
      device: deviceName(device),
      notice: softwareNotice(device),
      precision,
      peakBytes: () => device.peakBytes,
      close() {
        backend.destroy();
        network.destroy();
        device.close();
      },
    };
  } catch (error) {
    device.close();
    throw error;
  }
}

/** What results are kept under: the same weights at half precision are another model. */
export function modelIdentity(sha256: string, { precision = "f32" }: Pick<OpenModel, "precision">): string {
  return precision === "f32" ? sha256 : `${sha256} ${precision}`;
}

/** The device of a choice, or else of `gpu_id`. @throws as {@link openSelected} */
export function openChosen(choice: DeviceChoice, gpuId: number | null): Promise<Device> {
  const { memory, tune, news } = choice;
  return openSelected(choice, gpuId, (select) => openTuned({ select, memory, tune, news }));
}

/**
 * Opens what `--device`, else `FIRE_GPU_DEVICE`, else `gpu_id` selects.
 * @throws UsageError naming which of them chose a device that is not there; DeviceError
 */
export async function openSelected(
  choice: Pick<DeviceChoice, "device">,
  gpuId: number | null,
  open: (select: string | undefined) => Promise<Device>,
): Promise<Device> {
  const [source, select] = selection(choice, gpuId);
  try {
    return await open(select);
  } catch (error) {
    if (error instanceof UsageError && error.code === NO_SUCH_DEVICE)
      throw new UsageError(error.code, error.message.replace(/^engine/, source), { cause: error });
    throw error;
  }
}

/** Who chooses, by the name a user knows, and what. */
function selection(
  { device }: Pick<DeviceChoice, "device">,
  gpuId: number | null,
): [source: string, select: string | undefined] {
  if (device !== undefined) return ["--device", device];
  const { FIRE_GPU_DEVICE: given } = process.env;
  return given ? ["FIRE_GPU_DEVICE", given] : ["gpu_id", selectOf(gpuId)];
}

/** For reports. */
export function deviceName({ caps }: Device): string {
  return caps.software ? `${caps.name} (in software)` : caps.name;
}

/** One line for who computes without a GPU, and may not know it; undefined on a GPU. */
export function softwareNotice({ caps }: Device): string | undefined {
  if (!caps.software) return undefined;
  return `computing in software on ${caps.name}, many times slower than on a GPU (fire-gpu devices lists what there is)`;
}

function selectOf(gpuId: number | null): string | undefined {
  if (gpuId === null) return "software";
  return gpuId === 0 ? undefined : String(gpuId);
}
