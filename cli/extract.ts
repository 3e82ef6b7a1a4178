/** @file `fire-gpu extract`. */

import { Command } from "commander";
import { visibleJson, visibleLine } from "../base/printable.js";
import { extract } from "../tasks/extract.js";
import { openModel } from "../tasks/open-model.js";
import type { OnError } from "../tasks/skips.js";
import { EXIT_CODES } from "./failure.js";
import { interruptSignal } from "./interrupt.js";
import {
  DEVICE,
  type DeviceFlags,
  deviceChoice,
  type FeaturesNum,
  FORCE,
  featuresLimit,
  MEMORY,
  NO_TUNE,
  onErrorOption,
  PRECISION,
  parseFeaturesNum,
  parseImageSize,
  parseScales,
} from "./options.js";
import { stderrProgress } from "./progress.js";
import { print } from "./streams.js";

interface ExtractFlags extends DeviceFlags {
  model: string;
  out: string;
  scales?: number[];
  featuresNum?: FeaturesNum;
  imageSize?: number;
  onError?: OnError;
  global?: boolean;
  force?: boolean;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu extract photos/ --model how_r18.pth --out features.safetensors
  fire-gpu extract a.jpg b.jpg more.txt --model fire.pth --out local.safetensors --scales "[1, 0.5]" --features-num 400
  fire-gpu extract photos/ --model fire.pth --out global.safetensors --global
Tensors of a local file (N rows, strongest first within an image): descriptors N×D (not normalised), strengths N,
locations N×2, scales N, image_ids N; metadata "names" lists the images by id, "skipped" those
that could not be used (--on-error). Options that are not given come from the model.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function extractCommand(): Command {
  return new Command("extract")
    .summary("write local or global descriptors of photos to a file")
    .description("Extract descriptors of photos into a safetensors file. A run that was stopped continues.")
    .argument("<images...>", "images, folders, and lists (.txt, .lst) with one image a line")
    .requiredOption("-m, --model <file>", "FIRe or HOW checkpoint")
    .requiredOption("-o, --out <file>", "safetensors file to write")
    .option("--scales <list>", 'for example "[2, 1.414, 1]"', parseScales)
    .option("--features-num <n>", 'local descriptors an image, or "all"', parseFeaturesNum)
    .option("--image-size <pixels>", "limit of the longer side", parseImageSize)
    .option("--global", "one descriptor an image instead of local ones")
    .addOption(onErrorOption("skip"))
    .addOption(DEVICE)
    .addOption(MEMORY)
    .addOption(NO_TUNE)
    .addOption(PRECISION)
    .addOption(FORCE)
    .option("--json", "print a summary as JSON")
    .addHelpText("after", HELP)
    .action(runExtract);
}

async function runExtract(inputs: string[], flags: ExtractFlags): Promise<void> {
  const { model: checkpoint, out, scales, imageSize, global = false } = flags;
  const progress = stderrProgress();
  const result = await extract(
    {
      ...{ inputs, checkpoint, out, global, scales, featuresNum: featuresLimit(flags.featuresNum), imageSize },
      ...{ force: flags.force, onError: flags.onError, progress },
      signal: interruptSignal(),
    },
    (file) => openModel(file, deviceChoice(flags, progress)),
  );
  const { images, descriptors, dim, skipped } = result;
  const line = `${out}: ${descriptors} descriptors of ${dim} values from ${images} images${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`;
  print(flags.json ? visibleJson(result) : visibleLine(line));
}
