/** @file Progress on stderr: a bar with rate and time left on a terminal, plain lines now and then elsewhere. */

import { MultiBar, type SingleBar } from "cli-progress";
import { visibleLine } from "../base/printable.js";
import type { Progress, Stage } from "../tasks/progress.js";
import { formatBytes, formatCount, formatSeconds } from "./format.js";
import { tell } from "./streams.js";

/** Plain lines come at most this often. */
const LINE_SECONDS = 10;

/** A bar when stderr is a terminal, else lines; nothing but notes when `quiet`. */
export function stderrProgress(quiet = false): Progress {
  const write = (line: string) => tell(visibleLine(line));
  if (quiet) return { note: write, warn: (line) => write(warning(line)), stage: () => ({ advance() {}, end() {} }) };
  return process.stderr.isTTY ? new BarProgress() : new LineProgress(write);
}

function warning(line: string): string {
  return `warning: ${line}`;
}

/** How far a stage is and how fast this run goes. */
class Meter {
  private readonly begin: number;
  private readonly first: number;
  private readonly format: (n: number) => string;
  constructor(
    readonly label: string,
    readonly total: number,
    public done: number,
    unit: "bytes" | undefined,
    private readonly now: () => number,
  ) {
    this.format = unit === "bytes" ? formatBytes : formatCount;
    this.begin = now();
    this.first = done;
  }

  get seconds(): number {
    return (this.now() - this.begin) / 1000;
  }

  /** Units a second of this run; 0 before anything is done. */
  get rate(): number {
    return this.seconds > 0 ? (this.done - this.first) / this.seconds : 0;
  }

  /** "12.3/s, 4 min left". */
  get speed(): string {
    const rate = `${this.format(this.rate)}/s`;
    if (this.total === 0 || this.rate === 0) return rate;
    return `${rate}, ${formatSeconds((this.total - this.done) / this.rate)} left`;
  }

  get share(): string {
    return this.total === 0 ? this.format(this.done) : `${this.format(this.done)}/${this.format(this.total)}`;
  }

  /** The line that stays when the stage is over. */
  summary(outcome?: string): string {
    const time = formatSeconds(this.seconds);
    if (outcome) return `${this.label}: ${outcome} in ${time}`;
    return `${this.label}: ${this.share} in ${time} (${this.format(this.rate)}/s)`;
  }
}

/** For logs and pipes. `now` is in milliseconds. */
export class LineProgress implements Progress {
  constructor(
    private readonly write: (line: string) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  note(line: string): void {
    this.write(line);
  }

  warn(line: string): void {
    this.note(warning(line));
  }

  stage(label: string, total: number, done = 0, unit?: "bytes"): Stage {
    const meter = new Meter(label, total, done, unit, this.now);
    let last = this.now();
    return {
      advance: (count = 1) => {
        meter.done += count;
        if (this.now() - last < LINE_SECONDS * 1000) return;
        last = this.now();
        this.write(`${label}: ${meter.share} (${meter.speed})`);
      },
      end: (outcome) => this.write(meter.summary(outcome)),
    };
  }
}

class BarProgress implements Progress {
  private readonly bars = new MultiBar({
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: true,
    forceRedraw: true,
    format: "{label} {bar} {share} {speed}",
    barsize: 24,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    // Bars end by end(), not by reaching their total: a stage may be followed by the next at once.
    stopOnComplete: false,
  });
  private open = 0;

  note(line: string): void {
    if (this.open > 0) this.bars.log(`${visibleLine(line)}\n`);
    else tell(visibleLine(line));
  }

  warn(line: string): void {
    this.note(warning(line));
  }

  stage(label: string, total: number, done = 0, unit?: "bytes"): Stage {
    const meter = new Meter(label, total, done, unit, () => performance.now());
    const payload = () => ({ label: visibleLine(label), share: meter.share, speed: meter.speed });
    const bar: SingleBar = this.bars.create(Math.max(total, 1), done, payload());
    this.open++;
    return {
      advance: (count = 1) => {
        meter.done += count;
        bar.update(Math.min(meter.done, Math.max(total, 1)), payload());
      },
      end: (outcome) => {
        bar.stop();
        this.bars.remove(bar);
        if (--this.open === 0) this.bars.stop();
        tell(visibleLine(meter.summary(outcome)));
      },
    };
  }
}
