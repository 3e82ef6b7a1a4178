/** @file A fixed number of decoding threads, each with at most one job; jobs beyond that wait in line. */
import { Worker } from "node:worker_threads";
import { compiledFile } from "../base/paths.js";
import {
  type ImageError,
  type ImageJob,
  imageError,
  imageErrorFrom,
  type PreparedImage,
  runImageJob,
} from "./image-job.js";
import type { WorkerReply } from "./loader-worker.js";

interface Task {
  readonly job: ImageJob;
  readonly resolve: (prepared: PreparedImage) => void;
  readonly reject: (error: ImageError) => void;
}

interface Seat {
  readonly worker: Worker;
  readonly ended: Promise<void>;
  task: Task | null;
}

/** Threads start with the first job that needs them. Idle ones do not keep the process alive. */
export class ImagePool {
  private readonly seats: Seat[] = [];
  private readonly waiting: Task[] = [];
  private closed = false;

  /** @param size number of threads; 0 does the work on the calling thread. */
  constructor(readonly size: number) {}

  /** Rejects with an ImageError; a thread that dies takes only its own job with it and is replaced. */
  run(job: ImageJob): Promise<PreparedImage> {
    if (this.closed) return Promise.reject(imageError("LoaderClosed", job.path, "data: the loader is closed", 1));
    if (this.size === 0)
      return runImageJob(job).catch((e) => {
        throw imageErrorFrom(job.path, e);
      });
    return new Promise((resolve, reject) => {
      this.waiting.push({ job, resolve, reject });
      this.assign();
    });
  }

  /** Drops jobs that have not begun, lets the others end, and resolves when every thread has exited. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { job, reject } of this.waiting.splice(0))
      reject(imageError("LoaderClosed", job.path, `${job.path}: not loaded, the loader was closed`, 1));
    for (const { worker } of this.seats) {
      // An idle thread does not hold the process, but its end is waited for.
      worker.ref();
      worker.postMessage("close");
    }
    await Promise.all(this.seats.map((s) => s.ended));
  }

  private assign(): void {
    while (this.waiting.length > 0) {
      const seat = this.seats.find((s) => !s.task) ?? (this.seats.length < this.size ? this.open() : undefined);
      if (!seat) return;
      const task = this.waiting.shift() as Task;
      seat.task = task;
      seat.worker.ref();
      seat.worker.postMessage(task.job);
    }
  }

  private open(): Seat {
    const worker = new Worker(compiledFile("data/loader-worker.js"), { name: "fire-gpu image" });
    const ended = new Promise<void>((done) => {
      worker.once("exit", () => done());
    });
    const seat: Seat = { worker, ended, task: null };
    worker.on("message", (reply: WorkerReply) => {
      const task = this.release(seat);
      if (reply.ok) task?.resolve(reply.prepared);
      else task?.reject(imageError(reply.code, task.job.path, reply.message, reply.exitCode));
    });
    worker.on("error", (cause) => this.lose(seat, cause.message));
    worker.on("exit", (code) => this.lose(seat, `exit code ${code}`));
    worker.unref();
    this.seats.push(seat);
    return seat;
  }

  private release(seat: Seat): Task | null {
    const { task } = seat;
    seat.task = null;
    if (!this.closed) seat.worker.unref();
    this.assign();
    return task;
  }

  private lose(seat: Seat, reason: string): void {
    const at = this.seats.indexOf(seat);
    if (at < 0 || (this.closed && !seat.task)) return;
    this.seats.splice(at, 1);
    const { task } = seat;
    seat.task = null;
    if (task) {
      const message = `${task.job.path}: the decoding thread died: ${reason}`;
      task.reject(imageError("ImageWorkerLost", task.job.path, message, 1));
    }
    if (!this.closed) this.assign();
  }
}
