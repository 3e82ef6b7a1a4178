/** @file A decoding thread: jobs come in one at a time, pixels go back without a copy. */
import { parentPort } from "node:worker_threads";
import { type ImageJob, imageErrorFrom, type PreparedImage, runImageJob } from "./image-job.js";

export type WorkerReply =
  | { readonly ok: true; readonly prepared: PreparedImage }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly exitCode: number };

const port = parentPort;
if (!port) throw new Error("data: loader-worker is started by the loader, not by itself");

port.on("message", async (job: ImageJob | "close") => {
  if (job === "close") {
    // Without its port the thread has nothing left to do and ends by itself; terminating it could hit native code.
    port.close();
    return;
  }
  try {
    const prepared = await runImageJob(job);
    const reply: WorkerReply = { ok: true, prepared };
    port.postMessage(reply, [prepared.image.data.buffer as ArrayBuffer]);
  } catch (e) {
    const { code, message, exitCode } = imageErrorFrom(job.path, e);
    const reply: WorkerReply = { ok: false, code, message, exitCode };
    port.postMessage(reply);
  }
});
