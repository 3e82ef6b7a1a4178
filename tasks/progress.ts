/** @file How a task tells what it is doing, without knowing whether a terminal, a log or nobody listens. */
import type { Rule } from "../base/check.js";
import { FireGpuError } from "../base/errors.js";

/** One counted stage of a task, for example the images of a data set. */
export interface Stage {
  /** `count` more units are done. */
  advance(count?: number): void;
  /** @param outcome said instead of the count, where the stage ended well without reaching its total */
  end(outcome?: string): void;
}

export interface Progress {
  /**
   * Begins a stage of `total` units (0: unknown), `done` of which were done by an earlier run.
   * @param unit "bytes" when that is what is counted; left out, things
   */
  stage(label: string, total: number, done?: number, unit?: "bytes"): Stage;
  /** One line of news. */
  note(line: string): void;
  /** One line that must not be missed: something was left out, replaced, or is doubtful. Shown as `warning: …`. */
  warn(line: string): void;
}

/** For checks of options: all three methods are called. */
export const progressRule: Rule = {
  expected: "a Progress { stage, note, warn }",
  fits: (value) =>
    ["stage", "note", "warn"].every((m) => typeof (value as Record<string, unknown>)?.[m] === "function"),
};

/** Says nothing. */
export const silent: Progress = {
  stage: () => ({ advance() {}, end() {} }),
  note() {},
  warn() {},
};

/** The user stopped a task (Ctrl-C). What was finished is kept; the same command continues from there. */
export class Interrupted extends FireGpuError {
  override readonly exitCode = 130;
  constructor(message = "interrupted; what was finished is kept, run the same command again to continue") {
    super("Interrupted", message);
  }
}

/** Throws Interrupted when the signal was given. Called between units of work. */
export function stopIfAsked(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new Interrupted();
}
