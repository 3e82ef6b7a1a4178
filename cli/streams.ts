/**
 * @file The one place where text leaves the program. Whoever reads it may go away (`| head -1`) or have no room
 * (`> /dev/full`): the run goes on and its files are finished. A reader that has seen enough is no failure; results that
 * could not be written are one (exit code 7).
 */
import { WriteError } from "../base/errors.js";
import { visibleText } from "../base/printable.js";
import { isSystemError, reasonFor } from "../base/system-error.js";

type Name = "stdout" | "stderr";
const lost = new Set<Name>();

/** Before anything is written: what goes wrong with a stream is heard, and ends no run. */
export function guardStreams(): void {
  for (const name of ["stdout", "stderr"] as const) process[name].on("error", (error) => lose(name, error));
}

/** Results: text and a line end to stdout, control characters shown as escapes. */
export function print(text: string): void {
  write("stdout", `${visibleText(text)}\n`);
}

/** News: the same to stderr. */
export function tell(text: string): void {
  write("stderr", `${visibleText(text)}\n`);
}

/** For what writes by itself, such as help: the text as it is. */
export function write(name: Name, text: string): void {
  if (lost.has(name)) return;
  try {
    process[name].write(text);
  } catch (error) {
    lose(name, error);
  }
}

function lose(name: Name, error: unknown): void {
  if (lost.has(name)) return;
  lost.add(name);
  const code = isSystemError(error) ? error.code : undefined;
  // EPIPE: the reader has gone. EIO: its terminal has.
  if (name === "stderr" || code === "EPIPE" || code === "EIO") return;
  const reason = isSystemError(error) ? reasonFor(error, "write") : String(error);
  const failure = new WriteError("CannotWrite", `stdout: cannot be written: ${reason}`);
  process.exitCode = process.exitCode || failure.exitCode;
  tell(`fire-gpu: ${failure.message}`);
}
