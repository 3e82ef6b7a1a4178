/** @file `fire-gpu data render`. */

import { Command } from "commander";
import { visibleJson, visibleLine } from "../base/printable.js";
import { renderTask } from "../tasks/render.js";
import { EXIT_CODES } from "./failure.js";
import { interruptSignal } from "./interrupt.js";
import { parseCount, parseWhole, parseWithin } from "./options.js";
import { stderrProgress } from "./progress.js";
import { print } from "./streams.js";

interface RenderFlags {
  out: string;
  landmarks?: number;
  views?: number;
  queries?: number;
  distractors?: number;
  size?: number;
  seed?: number;
  quality?: number;
  jobs?: number;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu data render --out landmarks/
  fire-gpu data render --landmarks 200 --views 20 --size 512 --seed 7 --out train/
  fire-gpu eval eval_fire --set "evaluation.local_descriptor.datasets=[{name: rendered, images: landmarks/, gnd: landmarks/gnd.json}]" …
The same options give the same images on every machine. A run that was stopped continues.
${EXIT_CODES}`;

/** The command with its only subcommand, for the program to add. */
export function dataCommand(): Command {
  const render = new Command("render")
    .summary("render photos of procedural landmarks with ground truth")
    .description("Render buildings and statues from many viewpoints, with distractors and easy/hard/junk labels.")
    .requiredOption("-o, --out <dir>", "folder of the data set")
    .option("--landmarks <n>", "how many landmarks", parseCount)
    .option("--views <n>", "database views of each", parseCount)
    .option("--queries <n>", "query views of each", parseWhole)
    .option("--distractors <n>", "images of other landmarks", parseWhole)
    .option("--size <pixels>", "longer side", parseCount)
    .option("--seed <n>", "another seed, other landmarks", parseWhole)
    .option("--quality <n>", "upper bound of the JPEG quality", parseCount)
    .option("-j, --jobs <n>", "threads (default: one a core)", parseWithin(1, 256))
    .option("--json", "print a summary as JSON")
    .addHelpText("after", HELP)
    .action(async ({ queries, json, ...options }: RenderFlags) => {
      const task = { ...options, queriesPerLandmark: queries, signal: interruptSignal() };
      const { images, queries: asked, hash } = await renderTask(task, stderrProgress());
      const line = `${options.out}: ${images} images, ${asked} of them queries`;
      print(json ? visibleJson({ out: options.out, images, queries: asked, hash }) : visibleLine(line));
    });
  return new Command("data")
    .summary("make data sets")
    .description("Make data sets.")
    .addHelpText("after", "\nfire-gpu data render --out landmarks/\nfire-gpu data render --help shows more examples.")
    .addCommand(render);
}
