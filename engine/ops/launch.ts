/** @file Launch sizes that several ops share. */
import type { Device } from "../device.js";

/** Workgroups for one invocation an element. */
export const groupsFor = (count: number, threads = 64): number => Math.ceil(count / threads);

/** Constants of kernels that reduce a row by one workgroup: one subgroup on software drivers, 64 threads elsewhere. */
export function rowReduction(device: Device): { SUBGROUP: number; THREADS: number } {
  const { software, subgroupSize } = device.caps;
  return software && subgroupSize > 0 ? { SUBGROUP: 1, THREADS: subgroupSize } : { SUBGROUP: 0, THREADS: 64 };
}
