/**
 * @file Files that are either whole or not there: written under a temporary name beside the target, flushed, renamed.
 * A run that is killed meanwhile leaves the old file as it was (and a `.tmp` file, which the next write replaces).
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Writes a whole file at once. Makes the folder when needed. */
export function writeFileAtomic(file: string, data: string | Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = temporaryName(file);
  const handle = openSync(temporary, "w");
  try {
    writeFileSync(handle, data);
    fsyncSync(handle);
    closeSync(handle);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Writes a file piece by piece: `write` fills the temporary file, which takes the name when it returns. */
export async function writeAtomic(file: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = temporaryName(file);
  const handle = await open(temporary, "w");
  try {
    await write(handle);
    await handle.sync();
    await handle.close();
    await rename(temporary, file);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

/** One name a target and process: two runs that write the same file do not mix, the later one wins whole. */
function temporaryName(file: string): string {
  return join(dirname(file), `.${basename(file)}.${process.pid}.tmp`);
}
