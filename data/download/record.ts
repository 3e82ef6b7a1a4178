/**
 * @file What was downloaded and unpacked into a data root, in its folder `.fire-gpu-downloads`: `record.json`, and a list of
 * the files of each archive. An archive counts as unpacked when the record says so and its files are there as they were.
 */
import { rmSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import { sha256 } from "../../base/hash.js";
import { readRegular } from "../../base/regular-file.js";
import type { UnpackedFile } from "./unpack.js";

/** Below the data root. */
export const RECORD_FOLDER = ".fire-gpu-downloads";

/** A file as it was received. */
export interface ReceivedFile {
  /** Below the data root, "/" between folders. */
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
  /** When, as ISO 8601. */
  readonly finished: string;
}

/** An archive that was being unpacked, or has been. */
export interface UnpackedArchive {
  readonly files: number;
  /** SHA-256 of the list of its files; null while it is being unpacked. */
  readonly list: string | null;
}

interface Content {
  readonly received: Readonly<Record<string, ReceivedFile>>;
  readonly unpacked: Readonly<Record<string, UnpackedArchive>>;
}

/** Files and archives by their first address. */
export class DownloadRecord {
  private readonly folder: string;
  private readonly file: string;

  constructor(root: string) {
    this.folder = join(root, RECORD_FOLDER);
    this.file = join(this.folder, "record.json");
  }

  /** What was received from an address the last time. */
  received(url: string): ReceivedFile | undefined {
    return own(this.read().received, url);
  }

  /** The address from which the file at a path came. */
  sourceOf(path: string): string | undefined {
    return Object.entries(this.read().received).find(([, entry]) => entry?.path === slashes(path))?.[0];
  }

  addReceived(url: string, file: Omit<ReceivedFile, "finished">): void {
    const { received, unpacked } = this.read();
    // One file has one source: the last.
    const others = Object.entries(received).filter(([, entry]) => entry?.path !== slashes(file.path));
    const entry = { ...file, path: slashes(file.path), finished: new Date().toISOString() };
    this.write({ received: { ...Object.fromEntries(others), [url]: entry }, unpacked });
  }

  /** Whether unpacking an archive was begun, and how it ended. */
  unpacked(url: string): UnpackedArchive | undefined {
    return own(this.read().unpacked, url);
  }

  /** To be called before the first file is unpacked: until it is done, files of the archive may be damaged. */
  beginUnpacking(url: string): void {
    this.setUnpacked(url, { files: 0, list: null });
    rmSync(this.listFile(url), { force: true });
  }

  /** To be called when all files are there. */
  endUnpacking(url: string, files: readonly UnpackedFile[]): void {
    const list = Buffer.from(files.map(({ path, size }) => `${size} ${path}\n`).join(""));
    writeFileAtomic(this.listFile(url), list);
    this.setUnpacked(url, { files: files.length, list: sha256(list) });
  }

  /**
   * How many files of an archive that was unpacked are missing or have another size now; all of them when nobody knows.
   * @param folder where they were unpacked to
   */
  lost(url: string, folder: string): number {
    const entry = this.unpacked(url);
    const list = entry?.list ? this.readList(url, entry.list) : undefined;
    if (!entry || !list) return entry?.files || 1;
    return list.filter(({ path, size }) => {
      const state = statSync(join(folder, path), { throwIfNoEntry: false });
      return !state?.isFile() || state.size !== size;
    }).length;
  }

  private readList(url: string, sum: string): UnpackedFile[] | undefined {
    try {
      const bytes = readRegular(this.listFile(url));
      if (sha256(bytes) !== sum) return undefined;
      const lines = bytes.toString("utf8").split("\n").slice(0, -1);
      return lines.map((line) => {
        const space = line.indexOf(" ");
        return { size: Number(line.slice(0, space)), path: line.slice(space + 1) };
      });
    } catch {
      return undefined;
    }
  }

  private listFile(url: string): string {
    return join(this.folder, `${sha256(Buffer.from(url)).slice(0, 16)}.list`);
  }

  private setUnpacked(url: string, entry: UnpackedArchive): void {
    const { received, unpacked } = this.read();
    this.write({ received, unpacked: { ...unpacked, [url]: entry } });
  }

  private write(content: Content): void {
    writeFileAtomic(this.file, `${JSON.stringify(content, null, 1)}\n`);
  }

  /** A missing or damaged record is an empty one: the archives are looked at again, nothing is lost. */
  private read(): Content {
    try {
      const { received, unpacked } = JSON.parse(readRegular(this.file).toString("utf8"));
      return { received: mapping(received), unpacked: mapping(unpacked) };
    } catch {
      return { received: {}, unpacked: {} };
    }
  }
}

function mapping<T>(value: T): T | Record<string, never> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

/** An address may be called like something every object has. */
function own<T>(entries: Readonly<Record<string, T>>, key: string): T | undefined {
  const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
  return typeof entry === "object" && entry !== null ? entry : undefined;
}

function slashes(path: string): string {
  return path.split(sep).join("/");
}
