/** @file A child process with one engine, as the parent sees it: questions and answers in turn. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Answer, Question } from "./child.js";
import type { Output } from "./peer.js";

/** Wall and processor time of one run in milliseconds. */
export interface RunTime {
  readonly ms: number;
  readonly cpu: number;
}

export class EngineProcess {
  /** From the beginning of the preparation to the first output, with an empty shader cache. */
  first = 0;
  private readonly child: ChildProcess;
  private readonly folder = mkdtempSync(join(tmpdir(), "fire-gpu-bench-"));
  private readonly answers: Answer[] = [];
  private wake: (() => void) | undefined;
  private ended: string | undefined;
  private log = "";

  constructor(
    readonly name: string,
    comparison: string,
    mini: boolean,
  ) {
    const cache = join(this.folder, "shaders");
    this.child = fork(
      fileURLToPath(new URL("./child.js", import.meta.url)),
      [name, comparison, mini ? "mini" : "full"],
      {
        // a driver's cache of its own for each process: the first run is truly the first
        env: { ...process.env, MESA_SHADER_CACHE_DIR: cache, __GL_SHADER_DISK_CACHE_PATH: cache },
        stdio: ["ignore", "pipe", "pipe", "ipc"],
      },
    );
    const keep = (chunk: Buffer) => {
      this.log = (this.log + chunk).slice(-2000);
    };
    this.child.stdout?.on("data", keep);
    this.child.stderr?.on("data", keep);
    this.child.on("message", (answer: Answer) => {
      this.answers.push(answer);
      this.wake?.();
    });
    this.child.on("exit", (code, signal) => {
      this.ended = `ended with ${signal ?? code}: ${this.log.trim().split("\n").at(-1) ?? ""}`;
      this.wake?.();
    });
  }

  /** Waits for the first output. @throws Error with the engine's own reason */
  async ready(): Promise<void> {
    const answer = await this.answer();
    if (answer.tell === "ready") this.first = answer.first;
  }

  /** The last output in the common layout. */
  async output(): Promise<Output> {
    const file = join(this.folder, "output");
    const answer = await this.ask({ ask: "output", file });
    const { buffer, byteOffset, byteLength } = readFileSync(file);
    const bytes = buffer.slice(byteOffset, byteOffset + byteLength);
    if (answer.tell !== "output") throw new Error(`${this.name}: expected an output, got ${answer.tell}`);
    if (answer.type === "Float32Array") return new Float32Array(bytes as ArrayBuffer);
    return answer.type === "Uint32Array" ? new Uint32Array(bytes as ArrayBuffer) : new Int32Array(bytes as ArrayBuffer);
  }

  async run(): Promise<RunTime> {
    const answer = await this.ask({ ask: "run" });
    if (answer.tell !== "time") throw new Error(`${this.name}: expected a time, got ${answer.tell}`);
    return answer;
  }

  close(): void {
    this.child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  private ask(question: Question): Promise<Answer> {
    this.child.send(question);
    return this.answer();
  }

  private async answer(): Promise<Answer> {
    if (this.answers.length === 0 && !this.ended)
      await new Promise<void>((wake) => {
        this.wake = wake;
      });
    const answer = this.answers.shift();
    if (!answer) throw new Error(`${this.name} ${this.ended}`);
    if (answer.tell === "failed") throw new Error(`${this.name}: ${answer.reason}`);
    return answer;
  }
}
