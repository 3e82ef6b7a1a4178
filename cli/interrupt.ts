/** @file Ctrl-C: the first asks the task to stop where it can continue, the second, or half a second, end the process. */
import { Interrupted } from "../tasks/progress.js";
import { tell } from "./streams.js";

/** All that is kept is written so that a kill at any moment loses none of it; nobody has to wait longer. */
const PATIENCE_MS = 500;
const EXIT = 130;

/** A signal that Ctrl-C or a termination request gives. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT);
    tell("\nstopping; Ctrl-C again ends at once");
    controller.abort();
    setTimeout(() => {
      tell(`fire-gpu: ${new Interrupted().message}`);
      process.exit(EXIT);
    }, PATIENCE_MS).unref();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}
