/** @file `fire-gpu eval`: options → overrides → evaluation → table or JSON. */

import { resolve } from "node:path";
import { Command } from "commander";
import { visibleJson } from "../base/printable.js";
import { STEPS } from "../tasks/config/eval-schema.js";
import type { Override } from "../tasks/config/override.js";
import { parseSet } from "../tasks/config/override.js";
import type { Yaml } from "../tasks/config/yaml.js";
import { runDownloadUrl } from "../tasks/download.js";
import type { EvalResult } from "../tasks/evaluate/results.js";
import { runEvaluation } from "../tasks/evaluate/run.js";
import type { OnRanked } from "../tasks/evaluate/session.js";
import { openModel } from "../tasks/open-model.js";
import { claimOutput, isOwnPage } from "../tasks/outputs.js";
import type { Section } from "../tasks/report/collect.js";
import { collectReport, rankedJson, reportHead, writeReport } from "../tasks/report/write.js";
import type { OnError } from "../tasks/skips.js";
import { perQueryTables, scoreTable, timeLines } from "./eval-table.js";
import { EXIT_CODES } from "./failure.js";
import { interruptSignal } from "./interrupt.js";
import {
  collect,
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
  parseCount,
  parseDatasets,
  parseFeaturesNum,
  parseScales,
} from "./options.js";
import { stderrProgress } from "./progress.js";
import { print } from "./streams.js";

interface EvalFlags extends DeviceFlags {
  experiment?: string;
  modelLoad?: string;
  dataFolder?: string;
  expFolder?: string;
  featuresNum?: FeaturesNum;
  scales?: number[];
  datasetsLocal?: string[];
  codebook?: string;
  step?: string;
  partition?: string;
  distractors?: string;
  onError?: OnError;
  set?: string[];
  json?: boolean;
  perQuery?: boolean;
  html?: string;
  top?: number;
  force?: boolean;
}

/** Queries of a data set on a page of rankings. */
const QUERIES_SHOWN = 100;

/** Each option that stands for a key of the file. */
const KEYS: [keyof EvalFlags, option: string, path: string][] = [
  ["experiment", "--experiment", "experiment"],
  ["modelLoad", "--model-load", "demo_eval.net_path"],
  ["dataFolder", "--data-folder", "demo_eval.data_folder"],
  ["expFolder", "--exp-folder", "demo_eval.exp_folder"],
  ["featuresNum", "--features-num", "evaluation.inference.features_num"],
  ["scales", "--scales", "evaluation.inference.scales"],
  ["datasetsLocal", "--datasets-local", "evaluation.local_descriptor.datasets"],
  ["codebook", "--codebook", "evaluation.local_descriptor.codebook"],
  ["step", "--step", "evaluation.multistep.step"],
  ["partition", "--partition", "evaluation.multistep.partition"],
  ["distractors", "--distractors", "evaluation.multistep.distractors"],
];

const HELP = `
Examples:
  fire-gpu eval eval_fire                                 the published evaluation, downloads the model
  fire-gpu eval eval_how_r18_1000 --datasets-local roxford5k -ml my.pth
  fire-gpu eval eval_fire -ml my.pth --scales "[1]" --set \\
    "evaluation.local_descriptor.datasets=[{name: mine, images: photos/, gnd: gnd.json}]" \\
    "evaluation.local_descriptor.codebook_training.dataset={name: mine, images: photos/}"
Log, parameters, results and cache go to <exp-folder>/<experiment>/; run again to continue or reuse. docs/cli.md has more.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function evalCommand(): Command {
  return new Command("eval")
    .summary("evaluate a FIRe or HOW network with ASMK or global descriptors")
    .description("Evaluate a network on data sets: mAP and mP@k as in the ROxford and RParis tables.")
    .argument("<config>", "YAML file, or a bundled one by name (eval_fire, eval_how_r18_1000, …)")
    .option("-e, --experiment <name>", "folder of the results (default: the file's name)")
    .option("--model-load <path>", "-ml: checkpoint file, URL or experiment folder")
    .option("--data-folder <dir>", "where data sets and models are")
    .option("--exp-folder <dir>", "where experiments are")
    .option("--features-num <n>", 'local descriptors an image, or "all"', parseFeaturesNum)
    .option("--scales <list>", 'for example "[2, 1.414, 1]"', parseScales)
    .option("--datasets-local <names...>", "data sets for ASMK, instead of the file's")
    .option("--codebook <file>", "use this codebook (safetensors, or the reference's .pkl) instead of training one")
    .option("--step <name>", `multistep evaluation: ${STEPS.join(", ")}`)
    .option("--partition <total_index>", 'multistep: a part; "10_0" is the first of ten')
    .option("--distractors <name>", "multistep: data set whose index is searched too")
    .option("--set <key=value...>", "any other key; the value is YAML (docs/cli.md)", collect)
    .addOption(onErrorOption("stop"))
    .addOption(DEVICE)
    .addOption(MEMORY)
    .addOption(NO_TUNE)
    .addOption(PRECISION)
    .option("--per-query", "print the average precision of every query")
    .option("--html <file>", `write a page of rankings (worst ${QUERIES_SHOWN} queries)`)
    .addOption(FORCE)
    .option("--json", "print results and ranked lists as JSON")
    .option("--top <n>", "places a query in --html and --json (default: 10)", parseCount)
    .addHelpText("after", HELP)
    .action(runEval);
}

async function runEval(config: string, flags: EvalFlags): Promise<void> {
  const progress = stderrProgress();
  const signal = interruptSignal();
  const choice = deviceChoice(flags, progress);
  const top = flags.top ?? 10;
  const page = collectReport({ top, queries: QUERIES_SHOWN });
  const lists = collectReport({ top, queries: Number.POSITIVE_INFINITY });
  const onRanked: OnRanked = (...ranked) => {
    if (flags.html) page.onRanked(...ranked);
    if (flags.json) lists.onRanked(...ranked);
  };
  const { html, force } = flags;
  const outputs = html === undefined ? [] : [claimOutput({ option: "--html", file: html, isOwn: isOwnPage, force })];
  const result = await runEvaluation(
    {
      ...{ config, overrides: overridesOf(flags), onError: flags.onError, progress, signal, force, outputs, onRanked },
      onResult: (found) => printResult(found, lists.sections, flags),
    },
    {
      openModel: (checkpoint, gpuId) => openModel(checkpoint, choice, gpuId),
      download: (url, path, root) => runDownloadUrl(url, path, { root, progress, signal }),
    },
  );
  if (html !== undefined) await writeReport(html, reportHead(result), page.sections);
}

/** Before any file is written: a table that took hours is not lost with it. */
function printResult(result: EvalResult, lists: readonly Section[], flags: EvalFlags): void {
  if (flags.json) print(visibleJson(rankedJson(result, lists), 1));
  else if (result.results.length > 0) {
    print(`${scoreTable(result)}\n${timeLines(result)}`);
    if (flags.perQuery) print(`\n${perQueryTables(result)}`);
  }
}

/** The flags as overrides; `--set` comes last and wins. */
export function overridesOf(flags: EvalFlags): Override[] {
  const overrides: Override[] = [];
  for (const [flag, source, path] of KEYS) {
    if (flags[flag] === undefined) continue;
    overrides.push({ path, source, value: flagValue(flag, flags) as Yaml });
  }
  return [...overrides, ...(flags.set ?? []).map(parseSet)];
}

function flagValue(flag: keyof EvalFlags, flags: EvalFlags): unknown {
  if (flag === "featuresNum") return featuresLimit(flags.featuresNum);
  if (flag === "datasetsLocal") return parseDatasets(flags.datasetsLocal ?? []);
  // Files of the configuration count from its folder, those of the command line from the current one.
  if (flag === "codebook") return resolve(flags.codebook ?? "");
  return flags[flag];
}
