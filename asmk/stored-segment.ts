/** @file Segments of an index file: read when they are needed, checked when they are read. */
import type { FileHandle } from "node:fs/promises";
import { FileFormatError } from "../base/errors.js";
import { readAll } from "../base/file-io.js";
import { sha256 } from "../base/hash.js";
import { openRegularAsync } from "../base/regular-file.js";
import { checkEntries, checkOffsets } from "./index-checks.js";
import type { Section, StoredSegment } from "./index-layout.js";
import type { Segment, SegmentRef } from "./segment.js";

/** A file as it was when it was opened: replaced files are noticed. */
export interface OpenedFile {
  readonly path: string;
  readonly inode: number;
}

/** A segment on disk. It stays there unless `keep` holds it in memory. */
export class FileSegment implements SegmentRef {
  readonly firstImage: number;
  readonly endImage: number;
  readonly entries: number;
  resident: Segment | null = null;

  constructor(
    /** Where it is now; a rewrite of the whole file moves it. */
    public place: { readonly file: OpenedFile; readonly stored: StoredSegment },
    private readonly binary: boolean,
  ) {
    this.firstImage = place.stored.firstImage;
    this.endImage = place.stored.endImage;
    this.entries = place.stored.entries;
  }

  /** @throws FileFormatError ChecksumMismatch, Truncated, MalformedFile (also when the file was replaced meanwhile) */
  async load(): Promise<Segment> {
    if (this.resident) return this.resident;
    const { file, stored } = this.place;
    const handle = await openSame(file);
    try {
      const offsets = new Uint32Array(await readSection(handle, stored.offsets, file.path, "offsets"));
      const images = new Uint32Array(await readSection(handle, stored.images, file.path, "images"));
      const raw = await readSection(handle, stored.codes, file.path, "codes");
      const codes = this.binary ? new Uint32Array(raw) : new Float32Array(raw);
      const segment = { firstImage: this.firstImage, endImage: this.endImage, offsets, images, codes };
      checkOffsets(offsets, stored, file.path);
      checkEntries(segment, file.path);
      return segment;
    } finally {
      await handle.close();
    }
  }

  /** Reads the segment and holds it from now on. */
  async keep(): Promise<void> {
    this.resident = await this.load();
  }
}

async function openSame(file: OpenedFile): Promise<FileHandle> {
  const { handle, stats } = await openRegularAsync(file.path, { code: "NoIndex" });
  if (stats.ino === file.inode) return handle;
  await handle.close();
  throw new FileFormatError("MalformedFile", file.path, "the file was replaced while it was in use; open it again");
}

/** The bytes of a section, in a buffer of their own. @throws FileFormatError Truncated or ChecksumMismatch */
export async function readSection(handle: FileHandle, s: Section, file: string, name: string): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(s.bytes);
  await readAll(handle, bytes, file, s.at);
  if (sha256(bytes) !== s.sha256)
    throw new FileFormatError(
      "ChecksumMismatch",
      file,
      `${name} at byte ${s.at} does not have its recorded sha256; the file is damaged, build the index anew or restore a copy`,
    );
  return bytes.buffer;
}
