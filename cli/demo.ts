/** @file `fire-gpu demo`. */

import { relative } from "node:path";
import { Command } from "commander";
import { visibleJson } from "../base/printable.js";
import { type DemoResult, runDemo } from "../tasks/demo/demo.js";
import { runDownloadUrl } from "../tasks/download.js";
import { resultJson } from "../tasks/evaluate/results.js";
import { openModel } from "../tasks/open-model.js";
import { scoreTable } from "./eval-table.js";
import { EXIT_CODES } from "./failure.js";
import { formatSeconds } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import { DEVICE, type DeviceFlags, deviceChoice, FORCE, MEMORY, NO_TUNE } from "./options.js";
import { stderrProgress } from "./progress.js";
import { print } from "./streams.js";

interface DemoFlags extends DeviceFlags {
  out: string;
  model?: string;
  force?: boolean;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu demo                          on the GPU, or without one in software (about a minute on two cores)
  fire-gpu demo --device software --out demo-page
  fire-gpu demo --model my_fire.pth       the same photos, another network
It does what these do, with the options of configs/eval_fire_demo.yml, and draws the rankings:
  fire-gpu data render --out out/demo/landmarks … && fire-gpu eval eval_fire_demo
A second run reuses what the first has left in the folder.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function demoCommand(): Command {
  return new Command("demo")
    .summary("render landmarks, evaluate a small network on them, show the rankings")
    .description(
      "Try everything without any download: rendered photos, FIRe with ASMK, scores, and a page of rankings.",
    )
    .option("-o, --out <dir>", "folder for photos, results and the page", "out/demo")
    .option("-m, --model <file>", "another FIRe or HOW checkpoint than the one in the package")
    .addOption(DEVICE)
    .addOption(MEMORY)
    .addOption(NO_TUNE)
    .addOption(FORCE)
    .option("--json", "print the results as JSON")
    .addHelpText("after", HELP)
    .action(runCommand);
}

async function runCommand({ out, model, json, force, ...flags }: DemoFlags): Promise<void> {
  const progress = stderrProgress();
  const signal = interruptSignal();
  const choice = deviceChoice(flags, progress);
  await runDemo(
    { out, checkpoint: model, force, progress, signal, onResult: (result) => printResult(result, json) },
    {
      openModel: (checkpoint, gpuId) => openModel(checkpoint, choice, gpuId),
      download: (url, path, root) => runDownloadUrl(url, path, { root, progress, signal }),
    },
  );
}

function printResult({ evaluation, page, about, seconds }: DemoResult, json: boolean | undefined): void {
  if (json) {
    print(visibleJson({ ...(resultJson(evaluation) as object), about, page, seconds }, 1));
    return;
  }
  const { kind, architecture } = evaluation.model;
  const lines = [
    scoreTable(evaluation),
    "",
    `Network: ${kind} ${architecture}, ${about}`,
    `Device: ${evaluation.device}, ${formatSeconds(seconds)} in all`,
    `Rankings to look at: ${relative(process.cwd(), page)}`,
  ];
  print(lines.join("\n"));
}
