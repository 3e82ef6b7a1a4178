/**
 * @file One engine in a process of its own. The parent says when to run; the time is taken here, so that messages between
 * processes are not in it. While nothing is asked the process sleeps.
 */
import { writeFileSync } from "node:fs";
import { settled } from "../../engine/dawn.js";
import { PEERS } from "./peers.js";
import { COMPARISONS } from "./works.js";

/** What the parent asks: the first output into a file, or one timed run. */
export type Question = { readonly ask: "output"; readonly file: string } | { readonly ask: "run" };

/** What it is told. `first` counts from the beginning of the preparation to the first output. */
export type Answer =
  | { readonly tell: "ready"; readonly first: number }
  | { readonly tell: "output"; readonly type: "Float32Array" | "Uint32Array" | "Int32Array" }
  | { readonly tell: "time"; readonly ms: number; readonly cpu: number }
  | { readonly tell: "failed"; readonly reason: string };

const [peer, comparison, mini] = process.argv.slice(2);
const say = (answer: Answer) => process.send?.(answer);

try {
  const { throttled, load } = PEERS[peer];
  const work = COMPARISONS[comparison].make(mini === "mini");
  const begin = performance.now();
  const prepare = await load();
  const prepared = await prepare(work);
  // bare Dawn promises would burn one of the cores: all who wait for a device wait alike
  const run = () => (throttled ? settled(prepared.run()) : prepared.run());
  let output = await run();
  const first = performance.now() - begin;
  // drivers and JavaScript engines finish their compiling behind the first run
  output = await run();
  say({ tell: "ready", first });
  process.on("message", async (question: Question) => {
    try {
      if (question.ask === "output") {
        const common = prepared.common?.(output) ?? output;
        writeFileSync(question.file, new Uint8Array(common.buffer, common.byteOffset, common.byteLength));
        say({ tell: "output", type: common.constructor.name as "Float32Array" });
        return;
      }
      const cpu = process.cpuUsage();
      const start = performance.now();
      output = await run();
      const ms = performance.now() - start;
      const used = process.cpuUsage(cpu);
      say({ tell: "time", ms, cpu: (used.user + used.system) / 1000 });
    } catch (e) {
      say({ tell: "failed", reason: (e as Error).message });
    }
  });
} catch (e) {
  say({ tell: "failed", reason: (e as Error).stack ?? String(e) });
  process.disconnect?.();
  process.exitCode = 1;
}
