/**
 * @file A disk that does less than it is asked to. `node:fs` is patched in this process: reads and writes move at most so
 * many bytes a call, and the disk may be full after so many.
 */
import fs from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

export interface ShortDisk {
  /** Bytes a call moves at most. */
  readonly perCall: number;
  /** Bytes that can be written before the disk is full; default no limit. */
  room?: number;
}

type Call = (...args: never[]) => unknown;

/** Calls `work` on such a disk and mends it afterwards. */
export async function onShortDisk<T>(disk: ShortDisk, work: () => T | Promise<T>): Promise<T> {
  const probe = await open(process.execPath, "r");
  const handles = Object.getPrototypeOf(probe) as FileHandle;
  await probe.close();
  const undo: (() => void)[] = [];
  const patch = (target: object, name: string, wrap: (original: Call) => Call) => {
    const slots = target as Record<string, Call>;
    const original = slots[name];
    slots[name] = wrap(original);
    undo.push(() => {
      slots[name] = original;
    });
  };
  const less = (length: number) => Math.min(length, disk.perCall);
  const taken = (length: number) => {
    const n = Math.min(less(length), disk.room ?? length);
    if (disk.room === undefined || length === 0) return n;
    disk.room -= n;
    if (n > 0) return n;
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  };
  const from = (bytes: Uint8Array, offset = 0, length = bytes.length - offset) => [offset, length] as const;
  const wrapper = (count: (length: number) => number, leading: number) => (original: Call) =>
    function (this: unknown, ...args: unknown[]) {
      const bytes = args[leading] as Uint8Array;
      const [offset, length] = from(bytes, args[leading + 1] as number, args[leading + 2] as number);
      const rest = args.slice(leading + 3);
      return original.apply(this, [...args.slice(0, leading), bytes, offset, count(length), ...rest] as never[]);
    };
  patch(fs, "writeSync", wrapper(taken, 1));
  patch(fs, "readSync", wrapper(less, 1));
  const asynchronous = (call: Call) =>
    async function (this: unknown, ...args: never[]) {
      return call.apply(this, args);
    };
  patch(handles, "write", (original) => asynchronous(wrapper(taken, 0)(original)));
  patch(handles, "read", (original) => asynchronous(wrapper(less, 0)(original)));
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    for (const mend of undo.reverse()) mend();
    syncBuiltinESMExports();
  }
}
