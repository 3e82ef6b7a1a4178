/** @file Errors → one line on stderr and an exit code; the stack only with DEBUG=1. */
import { CommanderError } from "commander";
import { FireGpuError } from "../base/errors.js";
import { asNamedError } from "../base/system-error.js";

/** What the exit codes mean, for help texts. */
export const EXIT_CODES = `Exit codes: 0 done · 2 wrong option, key or value · 3 damaged or unsuitable file · 4 missing data or model
            5 no usable device · 6 impossible numbers · 7 cannot write · 130 interrupted (run it again) · 1 anything else`;

/** Reports a failure on stderr and returns the process's exit code. */
export function reportFailure(raised: unknown): number {
  const error = asNamedError(raised);
  if (error instanceof CommanderError) {
    // Help and version are "errors" to commander, already printed.
    if (error.exitCode === 0) return 0;
    if (error.code === "commander.help") return 2;
    process.stderr.write(`fire-gpu: ${oneLine(error.message.replace(/^error: /, ""))}\n`);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`fire-gpu: ${oneLine(message)}\n`);
  if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  else if (!(error instanceof FireGpuError)) process.stderr.write("fire-gpu: unexpected; DEBUG=1 shows where\n");
  return error instanceof FireGpuError ? error.exitCode : 1;
}

function oneLine(text: string): string {
  return text.split("\n").join(" ").trim();
}
