/** @file What was downloaded and unpacked into a data root: `.fire-gpu-downloads.json`, written last, so that it is true. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";

interface Entry {
  /** Files unpacked. */
  readonly files: number;
  readonly finished: string;
}

/** Archives that were unpacked completely, by their first address. */
export class DownloadRecord {
  private readonly file: string;

  constructor(root: string) {
    this.file = join(root, ".fire-gpu-downloads.json");
  }

  has(url: string): boolean {
    return url in this.read();
  }

  add(url: string, files: number): void {
    const all = { ...this.read(), [url]: { files, finished: new Date().toISOString() } };
    writeFileAtomic(this.file, `${JSON.stringify(all, null, 2)}\n`);
  }

  /** A missing or damaged record is an empty one: the archives are looked at again, nothing is lost. */
  private read(): Record<string, Entry> {
    try {
      const all = JSON.parse(readFileSync(this.file, "utf8"));
      return typeof all === "object" && all !== null ? all : {};
    } catch {
      return {};
    }
  }
}
