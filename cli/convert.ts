/** @file `fire-gpu convert`. */

import { Command } from "commander";
import { visibleJson, visibleLine } from "../base/printable.js";
import { convertFile } from "../tasks/convert.js";
import { EXIT_CODES } from "./failure.js";
import { formatBytes } from "./format.js";
import { parseCount } from "./options.js";
import { print, tell } from "./streams.js";

interface ConvertFlags {
  force?: boolean;
  weightsOnly?: boolean;
  upgrade?: boolean;
  half?: boolean;
  about?: string;
  dim?: number;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu convert fire.pth fire.safetensors     and back: fire-gpu convert fire.safetensors fire.pth
  fire-gpu convert model_best.pth small.safetensors --weights-only --half --about "trained on …"
  fire-gpu convert codebook.pkl codebook.safetensors
  fire-gpu convert old_how.pth new_how.pth --upgrade
  fire-gpu convert roxford5k.ivf.pkl roxford5k.index --dim 128
The ending of TO decides: .pth and .pt load in torch, .pkl in the reference, other endings are fire-gpu's own.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function convertCommand(): Command {
  return new Command("convert")
    .summary("write a checkpoint, codebook or index in another format")
    .description(
      "Convert between .pth, .safetensors, .pkl and fire-gpu's own files; TO is written whole or not at all.",
    )
    .argument("<from>", "file to read; its format is told by its content")
    .argument("<to>", "file to write; its format is told by its ending")
    .option("-f, --force", "replace TO if it exists")
    .option("--weights-only", "leave out optimizer and scheduler state")
    .option("--half", "keep weights as 16-bit floats: half the size, for shipping")
    .option("--about <text>", "with --half: what the file says of its training")
    .option("--upgrade", "write an old HOW checkpoint in its new form")
    .option("--dim <n>", "dimension of the descriptors of a reference inverted file", parseCount)
    .option("--json", "print a summary as JSON")
    .addHelpText("after", HELP)
    .action(async (from: string, to: string, { force, json, ...options }: ConvertFlags) => {
      const done = await convertFile(from, to, { ...options, overwrite: force });
      const line = `${to}: ${done.kind} as ${done.format}, ${formatBytes(done.bytes)}`;
      print(json ? visibleJson(done) : visibleLine(line));
      if (done.leftOut.length > 0) tell(visibleLine(`warning: left out: ${done.leftOut.join(", ")}`));
    });
}
