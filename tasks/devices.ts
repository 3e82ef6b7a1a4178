/** @file `fire-gpu devices`: what `--device` may name, and what each can do. */
import { type Capabilities, listAdapters } from "../engine/adapter.js";
import { openDevice } from "../engine/device.js";
import type { SelfCheckRow } from "../engine/self-check.js";
import { type Choices, choicesByCapability } from "../engine/tuning/choices.js";
import { readChoices } from "../engine/tuning/kept.js";

/** One device that can be chosen; without capabilities when its driver refuses it. */
export interface DeviceInfo {
  /** For `--device`: an index, or "software". */
  readonly select: string;
  readonly name: string;
  readonly capabilities: Capabilities | null;
  /** The kernels that work would start with now; a GPU that was never timed will be at its first use. */
  readonly choices: Choices | null;
  /** Whether they were timed, rather than chosen by capability. */
  readonly timed: boolean;
  /** How it computes functions whose result WGSL leaves open; null when it could not be opened. */
  readonly checks: readonly SelfCheckRow[] | null;
  /** Why there are no capabilities. */
  readonly problem?: string;
}

/** All adapters in the driver's order, then the software driver that the package brings. */
export async function listDevices(): Promise<DeviceInfo[]> {
  const devices: DeviceInfo[] = [];
  for (const [i, name] of (await listAdapters()).entries()) devices.push(await lookAt(String(i), name));
  // Loading the packed driver changes what the process sees, so it comes last.
  const packed = await lookAt("software", "the driver in the package");
  if (!devices.some((d) => d.name === packed.name)) devices.push(packed);
  return devices;
}

async function lookAt(select: string, name: string): Promise<DeviceInfo> {
  try {
    const device = await openDevice({ select });
    const { caps, checks } = device;
    device.close();
    const kept = readChoices(caps);
    const choices = kept ?? choicesByCapability(caps);
    return { select, name: caps.name, capabilities: caps, choices, timed: kept !== undefined, checks };
  } catch (error) {
    const problem = (error as Error).message;
    return { select, name, capabilities: null, choices: null, timed: false, checks: null, problem };
  }
}
