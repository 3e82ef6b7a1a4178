/** @file `fire-gpu init`. */

import { Command, Option } from "commander";
import { visibleJson, visibleLine } from "../base/printable.js";
import { MOST_SKIPPED, RESNET_NAMES } from "../tasks/config/train-schema.js";
import { initModel } from "../tasks/init-model.js";
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
  parseCount,
  parseFeaturesNum,
  parseFraction,
  parseImageSize,
  parseOdd,
  parseScales,
  parseWhole,
  parseWithin,
} from "./options.js";
import { stderrProgress } from "./progress.js";
import { print } from "./streams.js";

interface InitFlags extends DeviceFlags {
  out: string;
  architecture: string;
  skipLayer: number;
  trunk?: string;
  strideOnFirst: boolean;
  dim: number;
  smoothing: number;
  shrinkage: number;
  seed: number;
  imageSize: number;
  featuresNum: FeaturesNum;
  scales: number[];
  force?: boolean;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu init photos/ --out start.safetensors
  fire-gpu init photos/ --architecture resnet18 --skip-layer 2 --image-size 224 --out small.safetensors
  fire-gpu init photos/ --trunk resnet50.pth --architecture resnet50 --out off-the-shelf.safetensors
Without --trunk the trunk is random (He initialisation by the seed) and its batch norms get the statistics of the photos.
The features get a PCA whitening of the photos. .safetensors and .pth (which torch loads) can be written; convolutions in half precision.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function initCommand(): Command {
  return new Command("init")
    .summary("make a HOW network not trained for retrieval: off the shelf, or a start from scratch")
    .description("Make a HOW checkpoint from a trunk, given or random, with a whitening learned from photos.")
    .argument("<images...>", "images, folders, and lists (.txt, .lst) with one image a line")
    .requiredOption("-o, --out <file>", "checkpoint to write, .safetensors or .pth")
    .addOption(new Option("--architecture <name>", "trunk").choices(RESNET_NAMES).default("resnet18"))
    .option("--skip-layer <n>", "stages dropped from its end", parseWithin(0, MOST_SKIPPED), 1)
    .option("--trunk <file>", "checkpoint to take the trunk from, for example torchvision's ResNet (default: random)")
    .option("--stride-on-first", "bottlenecks stride on their first 1x1, as the original ResNet-50", false)
    .option("--dim <n>", "dimension after whitening", parseCount, 128)
    .option("--smoothing <n>", "kernel of the smoothing, odd", parseOdd, 3)
    .option("--shrinkage <x>", "strength of the whitening, from 0 to 1", parseFraction, 1)
    .option("--seed <n>", "another seed, another trunk", parseWhole, 1)
    .option("--image-size <pixels>", "limit of the longer side, stated in the checkpoint too", parseImageSize, 1024)
    .option(
      "--features-num <n>",
      'local descriptors an image, or "all"; stated in the checkpoint too',
      parseFeaturesNum,
      1000,
    )
    .option("--scales <list>", "scales, stated in the checkpoint too", parseScales, [1])
    .addOption(DEVICE)
    .addOption(MEMORY)
    .addOption(NO_TUNE)
    .addOption(FORCE)
    .option("--json", "print a summary as JSON")
    .addHelpText("after", HELP)
    .action(async (inputs: string[], { device, memory, tune, json, ...flags }: InitFlags) => {
      const progress = stderrProgress();
      const featuresNum = featuresLimit(flags.featuresNum);
      const options = { ...flags, featuresNum, inputs, progress, signal: interruptSignal() };
      const choice = deviceChoice({ device, memory, tune }, progress);
      const { photos } = await initModel(options, choice);
      const kind = flags.trunk === undefined ? "untrained" : "off-the-shelf";
      const line = `${flags.out}: ${kind} ${flags.architecture}, whitened on ${photos} photos`;
      const { out, architecture } = flags;
      print(json ? visibleJson({ out, kind, architecture, photos }) : visibleLine(line));
    });
}
