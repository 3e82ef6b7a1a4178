/** @file A device with a network and the arithmetic of ASMK on it: what evaluation and extraction work with. */
import type { AsmkBackend } from "../asmk/backend.js";
import { GpuBackend } from "../asmk/gpu/backend.js";
import { openDevice } from "../engine/device.js";
import { loadNetwork } from "../nets/load.js";
import type { RetrievalNetwork } from "../nets/network.js";

/** A network and an ASMK backend on one device. */
export interface OpenModel {
  readonly network: RetrievalNetwork;
  readonly backend: AsmkBackend;
  /** Name of the device, for reports. */
  readonly device: string;
  close(): void | Promise<void>;
}

/** Which device, and how much of its memory. */
export interface DeviceChoice {
  /** As `--device`: index, part of a name, or "software"; default: $FIRE_GPU_DEVICE, else `gpu_id` of the file. */
  readonly device?: string;
  /** Bytes of GPU memory to hold at most. */
  readonly memory?: number;
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
  const select = choice.device ?? process.env.FIRE_GPU_DEVICE ?? selectOf(gpuId);
  const device = await openDevice({ select, memory: choice.memory });
  try {
    const network = loadNetwork(device, checkpoint);
    const backend = new GpuBackend(device);
    return {
      network,
      backend,
      device: device.caps.software ? `${device.caps.name} (in software)` : device.caps.name,
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

function selectOf(gpuId: number | null): string | undefined {
  if (gpuId === null) return "software";
  return gpuId === 0 ? undefined : String(gpuId);
}
