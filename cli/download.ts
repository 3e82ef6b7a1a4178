/** @file `fire-gpu download`. */

import { Command } from "commander";
import { visibleJson } from "../base/printable.js";
import { listDownloads, runDownload } from "../tasks/download.js";
import { EXIT_CODES } from "./failure.js";
import { formatTable } from "./format.js";
import { interruptSignal } from "./interrupt.js";
import { collect } from "./options.js";
import { stderrProgress } from "./progress.js";
import { print } from "./streams.js";

interface DownloadFlags {
  dataFolder: string;
  mirror?: string[];
  list?: boolean;
  json?: boolean;
}

const HELP = `
Examples:
  fire-gpu download --list                          what there is
  fire-gpu download roxford5k rparis6k              test sets, about 4.5 GB
  fire-gpu download how_r18 --data-folder how_data
  fire-gpu download train --mirror https://my.mirror/files
Stopped downloads continue; complete files are never touched; what a server sends is checked before it gets its name.
FIRE_GPU_MIRROR (a list with commas) is the same as --mirror.
${EXIT_CODES}`;

/** The command, for the program to add. */
export function downloadCommand(): Command {
  return new Command("download")
    .summary("fetch data sets and networks")
    .description("Download data sets and networks to where eval expects them.")
    .argument("[names...]", "what to fetch, see --list")
    .option("--data-folder <dir>", "where data sets and models are", "fire_data")
    .option("--mirror <url...>", "ask these addresses first", collect)
    .option("--list", "print the names")
    .option("--json", "with --list: as JSON")
    .addHelpText("after", HELP)
    .action(
      async (names: string[], { dataFolder: root, mirror: mirrors, list, json }: DownloadFlags, command: Command) => {
        if (list) {
          if (json) {
            print(visibleJson(listDownloads(), 1));
            return;
          }
          const rows = listDownloads().map(({ name, about }) => [name, about]);
          print(formatTable([["name", "what"], ...rows]));
          return;
        }
        if (names.length === 0)
          command.error("error: expected at least one name; fire-gpu download --list prints them");
        await runDownload({ names, root, mirrors, signal: interruptSignal(), progress: stderrProgress() });
      },
    );
}
