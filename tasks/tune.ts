/** @file `fire-gpu tune`: times the kernels of a device and keeps which are fastest. */
import { openDevice } from "../engine/device.js";
import type { Choices } from "../engine/tuning/choices.js";
import { keepTuning } from "../engine/tuning/kept.js";
import { type Measured, tune } from "../engine/tuning/measure.js";
import { openSelected } from "./open-model.js";

export interface TuneTaskOptions {
  /** As `--device`: index, part of a name, or "software"; default: $FIRE_GPU_DEVICE, else the first device. */
  readonly device?: string;
  /** Tiny shapes, to see that everything runs; nothing is kept. */
  readonly mini?: boolean;
}

export interface TuneReport {
  readonly device: string;
  readonly driver: string;
  readonly choices: Choices;
  readonly measured: readonly Measured[];
  readonly seconds: number;
  /** Where they are kept; null where they are not. */
  readonly file: string | null;
}

/** Times all candidates anew, whatever was kept. @throws UsageError for a device that is not there, DeviceError, FireGpuError CannotWrite */
export async function tuneDevice({ device: given, mini = false }: TuneTaskOptions): Promise<TuneReport> {
  const device = await openSelected({ device: given }, 0, (select) => openDevice({ select }));
  try {
    const tuning = await tune(device, { mini });
    const { name, driver } = device.caps;
    return { device: name, driver, ...tuning, file: mini ? null : keepTuning(device.caps, tuning) };
  } finally {
    device.close();
  }
}
