/** @file `fire-gpu tune`. */

import { Command } from "commander";
import { visibleJson } from "../base/printable.js";
import { type TuneReport, tuneDevice } from "../tasks/tune.js";
import { EXIT_CODES } from "./failure.js";
import { formatSeconds, formatTable } from "./format.js";
import { DEVICE, type DeviceFlags } from "./options.js";
import { print } from "./streams.js";

interface TuneFlags extends DeviceFlags {
  mini?: boolean;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu tune                          the device that is used without --device
  fire-gpu tune --device software        the driver in the package
  fire-gpu eval … --no-tune              kernels by capability, whatever was measured
A GPU is timed by itself the first time it is used; again after an update of its driver. Software drivers keep to what was
measured for them, unless this command is run. It costs seconds there, and is worth them on another processor.
Kernels differ in speed, and in the last bits of sums: a candidate is out when it differs by more than 1e-5 of the largest
value. What displaces the choice by capability must be over 5 % faster, and in nearly every round.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function tuneCommand(): Command {
  return new Command("tune")
    .summary("time the kernels that a device can run, and keep which are fastest")
    .description("Choose the fastest kernels for a device and keep the choice for later runs.")
    .addOption(DEVICE)
    .option("--mini", "tiny shapes: does everything run? Nothing is kept")
    .option("--json", "print as JSON")
    .addHelpText("after", HELP)
    .action(async ({ device, mini, json }: TuneFlags) => {
      const report = await tuneDevice({ device, mini });
      print(json ? visibleJson(report, 1) : tuneText(report));
    });
}

function tuneText({ device, driver, measured, seconds, file }: TuneReport): string {
  const rows = measured.map(({ choice, candidate, ms, difference, byCapability, chosen, rejected }) => [
    `${choice} ${candidate}`,
    ms === null ? "–" : ms.toFixed(2),
    difference === 0 ? "0" : difference.toExponential(1),
    chosen ? "chosen" : (rejected ?? ""),
    byCapability ? "yes" : "",
  ]);
  return [
    `${device} (${driver})`,
    formatTable([["kernel", "ms", "difference", "", "by capability"], ...rows]),
    `${formatSeconds(seconds)}, ${file === null ? "not kept" : `kept in ${file}`}`,
  ].join("\n");
}
