/** @file Keeps two runs from writing the same folder. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../base/errors.js";

/**
 * Takes the folder for this process; a lock left by a process that is gone is taken over.
 * @returns what releases it
 * @throws UsageError when a living process, or one of another machine, holds it
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "lock");
  const mine = `${process.pid} ${hostname()}`;
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(file, mine, { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const owner = readFileSync(file, "utf8");
    if (!isGone(owner)) {
      const [pid, host] = owner.split(" ");
      throw new UsageError(
        "Locked",
        `${folder}: in use by process ${pid} on ${host}; wait for it, or delete ${file} if there is no such run`,
      );
    }
    rmSync(file, { force: true });
  }
  throw new UsageError("Locked", `${folder}: another run took it just now; wait for it to end`);
}

function isGone(owner: string): boolean {
  const [pid, host] = owner.split(" ");
  // An empty file: its writer was killed between making and filling it.
  if (owner === "") return true;
  if (host !== hostname()) return false;
  if (Number(pid) === process.pid) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
