/** @file `fire-gpu train`: options → overrides → training → a summary, JSON, or the estimates of a dry run. */

import { resolve } from "node:path";
import { Command, Option } from "commander";
import { visibleJson } from "../base/printable.js";
import { type Override, parseSet } from "../tasks/config/override.js";
import { MOST_SKIPPED, RESNET_NAMES } from "../tasks/config/train-schema.js";
import type { Yaml } from "../tasks/config/yaml.js";
import { runDownloadUrl } from "../tasks/download.js";
import type { OnError } from "../tasks/skips.js";
import { openWorkbench } from "../tasks/train/device-workbench.js";
import type { Estimate, Measured, StageEstimate } from "../tasks/train/estimate.js";
import { runTraining, type TrainResult } from "../tasks/train/run.js";
import { EXIT_CODES } from "./failure.js";
import { formatBytes, formatCount, formatSeconds, formatTable } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import {
  collect,
  DEVICE,
  type DeviceFlags,
  deviceChoice,
  FORCE,
  MEMORY,
  NO_TUNE,
  onErrorOption,
  parsePositive,
  parseWhole,
  parseWithin,
} from "./options.js";
import { stderrProgress } from "./progress.js";
import { print } from "./streams.js";

interface TrainFlags extends DeviceFlags {
  experiment?: string;
  dataFolder?: string;
  expFolder?: string;
  images?: string;
  epochs?: number;
  architecture?: string;
  skipLayer?: number;
  lossMargin?: number;
  onError?: OnError;
  set?: string[];
  dryRun?: boolean;
  force?: boolean;
  json?: boolean;
}

/** Each option that stands for a key of the file. */
const KEYS: [keyof TrainFlags, option: string, path: string][] = [
  ["experiment", "--experiment", "experiment"],
  ["dataFolder", "--data-folder", "demo_train.data_folder"],
  ["expFolder", "--exp-folder", "demo_train.exp_folder"],
  ["images", "--images", "training.dataset.images"],
  ["epochs", "--epochs", "training.epochs"],
  ["architecture", "--architecture", "model.architecture"],
  ["skipLayer", "--skip-layer", "model.skip_layer"],
  ["lossMargin", "--loss-margin", "training.loss.margin"],
];

const HELP = `
Examples:
  fire-gpu train train_fire --dry-run                what an epoch takes here: memory, time, disk
  fire-gpu train train_fire                          FIRe on SfM-120k as published
  fire-gpu train train_how_r18 -e mine --images photos/    own photos: a folder a landmark, or a CSV file
  fire-gpu train train_fire_tiny                     from nothing, on rendered landmarks (see the file)
  fire-gpu eval eval_fire -e train_fire -ml train_fire     evaluates what was trained
Log, metrics, curves and checkpoints go to <exp-folder>/<experiment>/. Run the same command again after a stop or a kill:
it continues where it was. docs/training.md has more.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function trainCommand(): Command {
  return new Command("train")
    .summary("train a FIRe or HOW network")
    .description("Train a network on SfM-120k, on own photos of landmarks, or on rendered landmarks.")
    .argument("<config>", "YAML file, or a bundled one by name (train_fire, train_how_r18, …)")
    .option("-e, --experiment <name>", "folder of the results (default: the file's name)")
    .option("--data-folder <dir>", "where data sets and start weights are")
    .option("--exp-folder <dir>", "where experiments are")
    .option("--images <path>", "own training photos: a folder a landmark, a CSV file, or rendered landmarks")
    .option("--epochs <n>", "how many epochs in all", parseWhole)
    .addOption(new Option("--architecture <name>", "trunk").choices(RESNET_NAMES))
    .option("--skip-layer <n>", "stages dropped from the end of the trunk", parseWithin(0, MOST_SKIPPED))
    .option("--loss-margin <x>", "HOW: margin of the contrastive loss", parsePositive)
    .option("--set <key=value...>", "any other key, for example training.optimizer.lr=1e-5", collect)
    .addOption(onErrorOption("skip"))
    .addOption(DEVICE)
    .addOption(MEMORY)
    .addOption(NO_TUNE)
    .option("--dry-run", "measure a few images and estimate; nothing is trained or written")
    .addOption(FORCE)
    .option("--json", "print the result as JSON")
    .addHelpText("after", HELP)
    .action(runTrain);
}

async function runTrain(config: string, flags: TrainFlags): Promise<void> {
  const progress = stderrProgress();
  const signal = interruptSignal();
  const choice = deviceChoice(flags, progress);
  const result = await runTraining(
    {
      config,
      overrides: overridesOf(flags),
      onError: flags.onError,
      progress,
      signal,
      dryRun: flags.dryRun,
      force: flags.force,
    },
    {
      open: (gpuId) => openWorkbench(choice, gpuId),
      download: (url, path, root) => runDownloadUrl(url, path, { root, progress, signal }),
    },
  );
  print(flags.json ? visibleJson(result, 1) : resultText(result));
}

/** The flags as overrides; `--set` comes last and wins. */
function overridesOf(flags: TrainFlags): Override[] {
  const given = KEYS.filter(([flag]) => flags[flag] !== undefined);
  const named = given.map(([flag, source, path]) => ({ path, source, value: flagValue(flag, flags) }));
  return [...named, ...(flags.set ?? []).map(parseSet)];
}

/** Paths of the configuration count from its folder, those of the command line from the current one. */
function flagValue(flag: keyof TrainFlags, flags: TrainFlags): Yaml {
  return flag === "images" ? resolve(flags.images as string) : (flags[flag] as Yaml);
}

function resultText({ folder, epochs, alreadyTrained, best, estimate }: TrainResult): string {
  if (estimate) return estimateText(estimate, epochs);
  if (alreadyTrained) return `${folder}: trained already (${epochs} epochs)`;
  const which = best ? `; best epoch ${best.epoch} by ${best.by} (${best.value.toPrecision(4)})` : "";
  return `${folder}: ${epochs} epochs${which}`;
}

function estimateText(e: Estimate, epochs: number): string {
  const row = (name: string, { images, seconds }: StageEstimate, often: string) => [
    name,
    formatCount(images),
    images > 0 ? `${formatCount(images / seconds)}/s` : "–",
    formatSeconds(seconds),
    often,
  ];
  return [
    `on ${e.device}; ${formatCount(e.parameters)} parameters`,
    formatTable([
      ["stage", "images", "rate", "time", ""],
      row("whitening", e.whitening, "once"),
      row("mining", e.mining, "each epoch"),
      row(`training, ${e.training.steps} steps`, e.training, "each epoch"),
    ]),
    `one epoch ${formatSeconds(e.epochSeconds)}, ${epochs} epochs ${formatSeconds(e.totalSeconds)}, without validation`,
    `GPU memory ${formatBytes(e.deviceBytes)} for a tuple; ${formatBytes(e.miningBytes)} of memory for mining`,
    `disk: state ${formatBytes(e.stateBytes)}, and as much for each of two checkpoints`,
    ...measuredText(e.measured),
  ].join("\n");
}

/** What the numbers rest on. */
function measuredText({ seconds, images, sizes, fullSize, factor, lookedFor, missingStart }: Measured): string[] {
  const what = `measured in ${formatSeconds(seconds)} by learning from ${images} photos at ${sizes.join(" and ")} pixels`;
  const far = `; time and memory at ${fullSize} pixels follow from ${factor.toFixed(factor < 10 ? 1 : 0)} times as many pixels`;
  const lines = [
    `${what}${factor > 1.01 ? far : ", their full size"}; ${lookedFor} photos were looked for and are there`,
  ];
  if (missingStart)
    lines.push(`first weights (${missingStart}) are not here yet: random ones were timed, training fetches them`);
  return lines;
}
