/**
 * @file What this device can do at best, measured with the plainest kernels there are: multiply-adds in registers, and a
 * copy that fits no cache. They take turns with the cases, so a percentage is a ratio inside one run.
 */
import type { Device } from "../../engine/device.js";
import { groupsFor } from "../../engine/ops/launch.js";
import type { BenchCase } from "./timing.js";

export const PEAK_SECTION = "peak";
/** Names of the cases by which the others are measured; the best of each kind counts. */
export const ARITHMETIC = "multiply-add";
export const BANDWIDTH = "copy";

/** Independent vec4 chains: few fit the registers of a CPU, many hide the latency of a GPU. */
const CHAINS = [2, 4, 8];

/** The peak cases. @param mini sizes for tests */
export function peakCases(device: Device, mini: boolean): BenchCase[] {
  return [...multiplyAddCases(device, mini), copy(device, mini)];
}

/** Those of arithmetic alone. */
export function multiplyAddCases(device: Device, mini: boolean): BenchCase[] {
  return CHAINS.map((chains) => multiplyAdd(device, chains, mini));
}

function multiplyAdd(device: Device, chains: number, mini: boolean): BenchCase {
  const { software } = device.caps;
  const invocations = mini ? 64 : software ? 2048 : 2 ** 20;
  const rounds = mini ? 8 : software ? 512 : 256;
  const y = device.keep(device.empty([invocations * 4], "f32", "peak"));
  const cost = { flops: invocations * rounds * 8 * chains * 8, bytes: y.bytes };
  return {
    section: PEAK_SECTION,
    name: `${ARITHMETIC}, ${chains * 4} chains`,
    cost,
    record() {
      device.dispatch({
        shader: "bench/multiply_add.wgsl",
        constants: { CHAINS: chains },
        reads: [],
        writes: [y],
        params: [rounds, { f32: 0.75 }, { f32: 0.25 }],
        groups: groupsFor(invocations),
        label: `multiplyAdd/${chains * 4}`,
        cost,
      });
    },
    finish: () => device.finish(),
    close: () => y.free(),
  };
}

function copy(device: Device, mini: boolean): BenchCase {
  const bytes = Math.min(device.maxBinding, mini ? 2 ** 16 : device.caps.software ? 2 ** 26 : 2 ** 28);
  const quarter = Math.floor(bytes / 64);
  const x = device.keep(device.empty([quarter * 16], "f32", "copy from"));
  const y = device.keep(device.empty([quarter * 16], "f32", "copy to"));
  const cost = { flops: 0, bytes: 2 * x.bytes };
  return {
    section: PEAK_SECTION,
    name: `${BANDWIDTH} ${x.bytes / 2 ** 20} MiB`,
    cost,
    record() {
      device.dispatch({
        shader: "bench/copy.wgsl",
        constants: {},
        reads: [x],
        writes: [y],
        params: [quarter],
        groups: groupsFor(quarter),
        label: "copy",
        cost,
      });
    },
    finish: () => device.finish(),
    close() {
      x.free();
      y.free();
    },
  };
}
