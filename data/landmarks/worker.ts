/** @file A rendering thread: one landmark at a time, told by message. */
import { parentPort } from "node:worker_threads";
import sharp from "sharp";
import { type LandmarkJob, runLandmarkJob } from "./job.js";

/** What a thread says: a view is done, the landmark is done, or it failed. */
export type WorkerMessage = { kind: "image" } | { kind: "done" } | { kind: "error"; message: string };

const port = parentPort;
if (port) {
  // The threads are the parallelism; sharp must not start its own beside each.
  sharp.concurrency(1);
  const say = (message: WorkerMessage) => port.postMessage(message);
  port.on("message", (job: LandmarkJob) => {
    runLandmarkJob(job, () => say({ kind: "image" })).then(
      () => say({ kind: "done" }),
      (error: Error) => say({ kind: "error", message: error.stack ?? String(error) }),
    );
  });
}
