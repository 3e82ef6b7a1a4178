/** @file `fire-gpu devices`. */

import { Command } from "commander";
import { type DeviceInfo, listDevices } from "../tasks/devices.js";
import { EXIT_CODES } from "./failure.js";
import { formatBytes, formatTable } from "./format.js";
import { print } from "./streams.js";

const HELP = `
Examples:
  fire-gpu devices                       what there is
  fire-gpu eval … --device 1             use the second
  fire-gpu eval … --device nvidia        use the first whose name has "nvidia" in it
  fire-gpu eval … --device software      compute on the CPU with the driver in the package
  FIRE_GPU_DEVICE=1 fire-gpu eval …      the same as --device 1
${EXIT_CODES}`;

/** The command, for the program to add. */
export function devicesCommand(): Command {
  return new Command("devices")
    .summary("list what can compute")
    .description(
      "List the devices that --device can name, with the kernels that convolve there. Without --device the fastest GPU is used.",
    )
    .option("--json", "print as JSON")
    .addHelpText("after", HELP)
    .action(async ({ json }: { json?: boolean }) => {
      const devices = await listDevices();
      const text = json ? JSON.stringify(devices, null, 1) : `${deviceTable(devices)}\n\n${checkTable(devices)}`;
      print(text);
    });
}

function deviceTable(devices: readonly DeviceInfo[]): string {
  const yes = (value: boolean) => (value ? "yes" : "no");
  const rows = devices.map(({ select, name, capabilities: c, choices, timed, problem }) =>
    c && choices
      ? [
          select,
          name,
          c.software ? "software" : "GPU",
          yes(c.f16),
          String(c.subgroupSize || "–"),
          formatBytes(c.maxBinding),
          `${Object.values(choices).join(", ")}${timed ? " (timed)" : ""}`,
        ]
      : [select, name, `unusable: ${problem}`, "", "", "", ""],
  );
  return formatTable([["device", "name", "kind", "f16", "subgroup", "largest binding", "kernels"], ...rows]);
}

/** How each device computes what WGSL leaves open. */
function checkTable(devices: readonly DeviceInfo[]): string {
  const checked = devices.flatMap(({ select, checks }) => (checks ? [{ select, checks }] : []));
  const names = [...new Set(checked.flatMap(({ checks }) => checks.map(({ name }) => name)))];
  const rows = names.map((name) => [
    name,
    ...checked.map(({ checks }) => checks.find((c) => c.name === name)?.found ?? "–"),
  ]);
  return formatTable([["self-check", ...checked.map(({ select }) => `device ${select}`)], ...rows]);
}
