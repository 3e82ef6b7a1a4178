/** @file The log of a run: every line goes, with its time, to the end of a file; the news also to whoever watches. */

import { dirname } from "node:path";
import { appendText } from "../../base/file-io.js";
import { makeFolder } from "../../base/folders.js";
import { visibleLine } from "../../base/printable.js";
import type { Progress, Stage } from "../progress.js";

const NAME = "fire-gpu";

/** Writes lines such as `2026-01-31 09:05:07,042 fire-gpu INFO: Starting asmk evaluation`. */
export class EvalLog implements Progress {
  /**
   * @param file appended to; @param watcher is told everything but the details
   * @throws WriteError, as every line does, when the file cannot be written: before the work, where that is known
   */
  constructor(
    private readonly file: string,
    private readonly watcher: Progress,
  ) {
    makeFolder(dirname(file));
    appendText(file, "");
  }

  /** A line for the file and the watcher. */
  note(line: string): void {
    this.write("INFO", line);
    this.watcher.note(line);
  }

  /** A warning for the file and the watcher. */
  warn(line: string): void {
    this.write("WARNING", line);
    this.watcher.warn(line);
  }

  /** A line for the file alone. */
  detail(line: string): void {
    this.write("DEBUG", line);
  }

  stage(...about: Parameters<Progress["stage"]>): Stage {
    return this.watcher.stage(...about);
  }

  private write(level: string, line: string): void {
    appendText(this.file, `${timestamp(new Date())} ${NAME} ${level}: ${visibleLine(line)}\n`);
  }
}

/** Local time as Python's logging writes it: `2026-01-31 09:05:07,042`. */
function timestamp(date: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${day} ${time},${String(date.getMilliseconds()).padStart(3, "0")}`;
}
