#!/usr/bin/env node
/** @file The program: its commands, and how a run ends. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { cacheRemark } from "../base/cache-folder.js";
import { packageRoot } from "../base/paths.js";
import { expandShortOptions } from "./argv.js";
import { benchCommand } from "./bench.js";
import { convertCommand } from "./convert.js";
import { dataCommand } from "./data.js";
import { demoCommand } from "./demo.js";
import { devicesCommand } from "./devices.js";
import { downloadCommand } from "./download.js";
import { evalCommand } from "./eval.js";
import { extractCommand } from "./extract.js";
import { EXIT_CODES, reportFailure } from "./failure.js";
import { initCommand } from "./init.js";
import { inspectCommand } from "./inspect.js";
import { trainCommand } from "./train.js";
import { tuneCommand } from "./tune.js";

const HELP = `
Start here:
  fire-gpu demo                                         everything at once, without a download
  fire-gpu devices                                      what can compute
  fire-gpu download fire roxford5k                      a network and a data set
  fire-gpu eval eval_fire --datasets-local roxford5k    the published evaluation
  fire-gpu extract photos/ --model fire_data/models/fire.pth --out features.safetensors
fire-gpu <command> --help teaches each. Results go to stdout, progress to stderr; DEBUG=1 adds stacks to errors.
${EXIT_CODES}`;

const program = new Command("fire-gpu")
  .description("Image retrieval on WebGPU: FIRe and HOW local features, ASMK, evaluation.")
  .version(JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")).version)
  .addHelpText("after", HELP);
const commands = [
  evalCommand(),
  extractCommand(),
  trainCommand(),
  devicesCommand(),
  inspectCommand(),
  convertCommand(),
  downloadCommand(),
  dataCommand(),
  initCommand(),
  demoCommand(),
  benchCommand(),
  tuneCommand(),
];
for (const command of commands) program.addCommand(command);
program.hook("preAction", () => {
  const remark = cacheRemark();
  if (remark) process.stderr.write(`warning: ${remark}\n`);
});
quiet(program);

try {
  await program.parseAsync(expandShortOptions(process.argv.slice(2)), { from: "user" });
} catch (error) {
  process.exitCode = reportFailure(error);
}

/** Commander throws instead of exiting, and leaves the printing of errors to `reportFailure`. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ outputError() {} });
  for (const child of command.commands) quiet(child);
}
