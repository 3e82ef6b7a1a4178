/** @file Opens a device for work: with the kernels that were found fastest on it, or are now. */
import { cacheFolder } from "../../base/cache-folder.js";
import { checkOptions } from "../../base/check.js";
import type { Capabilities } from "../adapter.js";
import { type Device, type DeviceOptions, openDevice } from "../device.js";
import { DEVICE_RULES } from "../device-options.js";
import { type Choices, choicesByCapability } from "./choices.js";
import { keepTuning, readChoices } from "./kept.js";
import { type Tuning, tune } from "./measure.js";

export interface TunedOptions {
  /** false: kernels by capability alone; nothing is timed, and no file is read. Default true. */
  readonly tune?: boolean;
  /** Told what is timed and kept, and why a file is not used. */
  readonly news?: (line: string) => void;
  /** Where choices are kept; default: the user's cache folder. */
  readonly folder?: string;
}

/**
 * As `openDevice`; the device then works with the choices that are kept for it. On a GPU that has none they are timed
 * first, once, in a second or two. Software drivers keep to the choices by capability unless `fire-gpu tune` was run:
 * compiling all candidates would take them longer than a photo.
 */
export async function openTuned(options: DeviceOptions & TunedOptions = {}): Promise<Device> {
  checkOptions("openTuned", options, DEVICE_RULES);
  const device = await openDevice(options);
  try {
    device.choose(await decideChoices(device.caps, () => tuneApart(options), options));
    return device;
  } catch (error) {
    device.close();
    throw error;
  }
}

/** On a device of its own: a kernel that does not compile there, or takes it down, must not end the work. */
async function tuneApart({ select }: DeviceOptions): Promise<Tuning> {
  const device = await openDevice({ select });
  try {
    return await tune(device);
  } finally {
    device.close();
  }
}

/** The rule of `openTuned`, with the measurement as a function. Never fails: what goes wrong is told. */
export async function decideChoices(
  caps: Capabilities,
  measure: () => Promise<Tuning>,
  { tune = true, news = () => {}, folder = cacheFolder() }: TunedOptions = {},
): Promise<Choices> {
  const kept = tune ? readChoices(caps, news, folder) : undefined;
  if (kept || !tune || caps.software) return kept ?? choicesByCapability(caps);
  let tuning: Tuning;
  try {
    tuning = await measure();
  } catch (e) {
    news(`choosing kernels for ${caps.name} failed, those by capability are used: ${(e as Error).message}`);
    return choicesByCapability(caps);
  }
  let where: string;
  try {
    where = `kept in ${keepTuning(caps, tuning, folder)}`;
  } catch (e) {
    where = `for this run only: ${(e as Error).message}`;
  }
  news(`choosing kernels for ${caps.name}: ${tuning.seconds.toFixed(1)} s, ${where}`);
  return tuning.choices;
}
