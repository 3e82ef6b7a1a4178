/** @file Ctrl-C: the first asks the task to stop where it can continue, the second, or ten seconds, end the process. */
import { tell } from "./streams.js";

const PATIENCE_MS = 10_000;
const EXIT = 130;

/** A signal that Ctrl-C or a termination request gives. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT);
    tell("\nstopping; Ctrl-C again ends at once");
    controller.abort();
    setTimeout(() => process.exit(EXIT), PATIENCE_MS).unref();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}
