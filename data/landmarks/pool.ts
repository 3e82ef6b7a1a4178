/** @file Runs landmark jobs on threads, or on this one. */
import { Worker } from "node:worker_threads";
import { FireGpuError } from "../../base/errors.js";
import { compiledFile } from "../../base/paths.js";
import { type LandmarkJob, runLandmarkJob } from "./job.js";
import type { WorkerMessage } from "./worker.js";

/**
 * Runs the jobs in order on `workers` threads (0: on this thread). The first failure ends the run. When `stop` says so,
 * no further job is begun and those under way are finished.
 */
export async function runJobs(
  jobs: readonly LandmarkJob[],
  workers: number,
  onImage: () => void,
  stop: () => boolean,
): Promise<void> {
  if (workers === 0) {
    for (const job of jobs) if (!stop()) await runLandmarkJob(job, onImage);
    return;
  }
  let next = 0;
  const threads: Worker[] = [];
  const serve = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(compiledFile("data/landmarks/worker.js"));
      threads.push(worker);
      const advance = () => {
        if (next < jobs.length && !stop()) worker.postMessage(jobs[next++]);
        else worker.terminate().then(() => resolve(), reject);
      };
      worker.on("message", (m: WorkerMessage) => {
        if (m.kind === "image") onImage();
        else if (m.kind === "done") advance();
        else reject(new FireGpuError("RenderFailed", `landmarks: ${m.message}`));
      });
      worker.on("error", reject);
      worker.on("exit", (code) => {
        if (code !== 0 && code !== 1)
          reject(new FireGpuError("RenderFailed", `landmarks: a rendering thread ended with code ${code}`));
      });
      advance();
    });
  try {
    await Promise.all(Array.from({ length: Math.min(workers, jobs.length) }, serve));
  } finally {
    await Promise.all(threads.map((w) => w.terminate()));
  }
}
