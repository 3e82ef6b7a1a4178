/**
 * @file An append-only log of byte records in shard files, made to be killed at any moment.
 *
 * A shard is a 48-byte header (magic "FGLOG\0\0\1", the log's fingerprint, its shard number, 4 zero bytes), then records:
 *   index u32 · length u32 · first 8 bytes of sha256(fingerprint, index, length, payload) · payload
 * All numbers are little-endian; indices count from 0 through all shards. Whatever does not fit this at the end of the
 * log is a write that was cut off or damage: it is dropped, with everything after it, and written again.
 */
import { createHash } from "node:crypto";
import { type FileHandle, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { openToWrite, readAll, readUpTo, writeAll } from "../../base/file-io.js";
import { makeFolder } from "../../base/folders.js";
import { openRegularAsync } from "../../base/regular-file.js";
import { lockFolder } from "./lock.js";

const MAGIC = Buffer.from("FGLOG\0\0\x01", "latin1");
const HEADER = 48;
const RECORD = 16;
/** A shard is closed once it is larger. */
const SHARD_BYTES = 256 * 2 ** 20;
/** No record is larger; a length beyond it is damage. */
const MAX_RECORD = 2 ** 30;

interface Shard {
  readonly file: string;
  readonly number: number;
  /** Where each record begins. */
  readonly offsets: number[];
  end: number;
}

/** A shard as it was found; `odd`: what follows its records is no record that was cut off by a kill. */
interface Scanned extends Shard {
  readonly odd: boolean;
}

export class RecordLog {
  private writer: FileHandle | undefined;
  private readonly readers = new Map<Shard, FileHandle>();
  private constructor(
    private readonly folder: string,
    private readonly fingerprint: Buffer,
    private readonly shards: Shard[],
    private readonly unlock: () => void,
    /** Whether something else than the end of a killed run was dropped when it was opened: damage, or another log. */
    readonly dropped: boolean,
  ) {}

  /**
   * Opens or begins the log of a folder. Only the record headers are looked at here; `read` checks every byte.
   * @param fingerprint 32 bytes that say what the records depend on; shards of another one are deleted
   * @throws UsageError when another process has the log open
   */
  static async open(folder: string, fingerprint: Buffer): Promise<RecordLog> {
    makeFolder(folder);
    const unlock = lockFolder(folder);
    try {
      const shards: Shard[] = [];
      const names = (await readdir(folder)).filter((f) => /^\d{6}\.shard$/.test(f)).sort();
      let dropped = false;
      for (const name of names) {
        const whole = shards.length === 0 || shards[shards.length - 1].offsets.length > 0;
        const shard = whole ? await scan(join(folder, name), fingerprint, shards.length, total(shards)) : "odd";
        if (shard === "odd" || shard === "begun") {
          dropped ||= shard === "odd";
          break;
        }
        shards.push(shard);
        // A shard is begun only after the last one is whole.
        dropped ||= shard.odd || (shards.length < names.length && shard.end < SHARD_BYTES);
      }
      const log = new RecordLog(folder, fingerprint, shards, unlock, dropped);
      await log.dropAfter(log.count);
      return log;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** Number of records. */
  get count(): number {
    return total(this.shards);
  }

  /** All records in order. Ends early at one whose checksum is wrong, after dropping it and all that follow. */
  async *read(): AsyncGenerator<Uint8Array> {
    let index = 0;
    for (const shard of [...this.shards]) {
      const { handle } = await openRegularAsync(shard.file);
      try {
        for (const [i, offset] of [...shard.offsets].entries()) {
          const size = (shard.offsets[i + 1] ?? shard.end) - offset;
          const bytes = Buffer.alloc(size);
          const found = await readUpTo(handle, bytes, shard.file, offset);
          const payload = bytes.subarray(RECORD);
          if (found < size || !this.head(index, payload).equals(bytes.subarray(0, RECORD))) {
            await this.dropAfter(index);
            return;
          }
          index++;
          yield payload;
        }
      } finally {
        await handle.close();
      }
    }
  }

  /**
   * Part of a record, unchecked: for records that `read` or `append` has seen in this process.
   * @param into receives into.length bytes from `offset` of the record on
   * @throws FileFormatError Truncated when another program has cut the file meanwhile
   */
  async readPart(index: number, offset: number, into: Uint8Array): Promise<void> {
    let first = 0;
    for (const shard of this.shards) {
      if (index < first + shard.offsets.length) {
        const reader = this.readers.get(shard) ?? (await openRegularAsync(shard.file)).handle;
        this.readers.set(shard, reader);
        await readAll(reader, into, shard.file, shard.offsets[index - first] + RECORD + offset);
        return;
      }
      first += shard.offsets.length;
    }
    throw new RangeError(`record log: no record ${index} of ${this.count}`);
  }

  /** Adds one record at the end, whole or not at all. @throws WriteError when the disk does not take it */
  async append(payload: Uint8Array): Promise<void> {
    let shard = this.shards[this.shards.length - 1];
    if (!shard || shard.end >= SHARD_BYTES) shard = await this.begin();
    this.writer ??= await openToWrite(shard.file, "r+");
    const bytes = Buffer.concat([this.head(this.count, payload), payload]);
    try {
      await writeAll(this.writer, bytes, shard.file, shard.end);
    } catch (error) {
      // What was taken of it is no record; where even that cannot be undone, the next opening drops it.
      await this.writer.truncate(shard.end).catch(() => {});
      throw error;
    }
    shard.offsets.push(shard.end);
    shard.end += bytes.length;
  }

  async close(): Promise<void> {
    await this.writer?.close();
    this.writer = undefined;
    for (const reader of this.readers.values()) await reader.close();
    this.readers.clear();
    this.unlock();
  }

  private async begin(): Promise<Shard> {
    await this.writer?.close();
    this.writer = undefined;
    const number = this.shards.length;
    const file = join(this.folder, `${String(number).padStart(6, "0")}.shard`);
    const handle = await openToWrite(file, "w");
    try {
      await writeAll(handle, shardHeader(this.fingerprint, number), file);
    } finally {
      await handle.close();
    }
    const shard: Shard = { file, number, offsets: [], end: HEADER };
    this.shards.push(shard);
    return shard;
  }

  /** Keeps the first `count` records and deletes the rest, with any file that is no part of the log. */
  private async dropAfter(count: number): Promise<void> {
    await this.writer?.close();
    this.writer = undefined;
    let before = 0;
    const keep: Shard[] = [];
    for (const shard of this.shards) {
      const own = Math.min(shard.offsets.length, count - before);
      if (own <= 0) break;
      shard.end = shard.offsets[own] ?? shard.end;
      shard.offsets.length = own;
      const handle = await openToWrite(shard.file, "r+");
      try {
        await handle.truncate(shard.end);
      } finally {
        await handle.close();
      }
      before += own;
      keep.push(shard);
    }
    this.shards.splice(0, this.shards.length, ...keep);
    for (const name of await readdir(this.folder)) {
      const file = join(this.folder, name);
      if (name.endsWith(".shard") && !keep.some((s) => s.file === file)) await rm(file);
    }
  }

  private head(index: number, payload: Uint8Array): Buffer {
    const head = Buffer.alloc(RECORD);
    head.writeUInt32LE(index, 0);
    head.writeUInt32LE(payload.length, 4);
    const hash = createHash("sha256").update(this.fingerprint).update(head.subarray(0, 8)).update(payload);
    hash.digest().copy(head, 8, 0, 8);
    return head;
  }
}

function total(shards: readonly Shard[]): number {
  return shards.reduce((n, s) => n + s.offsets.length, 0);
}

function shardHeader(fingerprint: Buffer, number: number): Buffer {
  const header = Buffer.alloc(HEADER);
  MAGIC.copy(header, 0);
  fingerprint.copy(header, 8, 0, 32);
  header.writeUInt32LE(number, 40);
  return header;
}

/** What a shard says of itself; `rest` are bytes after its last whole record. */
export interface ShardSummary {
  readonly fingerprint: string;
  readonly number: number;
  readonly records: number;
  readonly rest: number;
}

/** Looks into one shard file without touching it; null when it is none. @throws as readRegular */
export async function describeShard(file: string): Promise<ShardSummary | null> {
  const { handle, stats } = await openRegularAsync(file);
  let header = Buffer.alloc(HEADER);
  let first = 0;
  try {
    header = header.subarray(0, await readUpTo(handle, header, file, 0));
    const index = Buffer.alloc(4);
    if ((await readUpTo(handle, index, file, HEADER)) === 4) first = index.readUInt32LE(0);
  } finally {
    await handle.close();
  }
  if (header.length < HEADER || !header.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const fingerprint = Buffer.from(header.subarray(MAGIC.length, MAGIC.length + 32));
  const number = header.readUInt32LE(MAGIC.length + 32);
  const shard = await scan(file, fingerprint, number, first);
  if (typeof shard === "string") return null;
  return {
    fingerprint: fingerprint.toString("hex"),
    number,
    records: shard.offsets.length,
    rest: stats.size - shard.end,
  };
}

/**
 * Finds the records of a shard by walking from header to header.
 * @returns "begun" when a kill left less than its header, "odd" when it is no shard of this log
 */
async function scan(
  file: string,
  fingerprint: Buffer,
  number: number,
  first: number,
): Promise<Scanned | "begun" | "odd"> {
  const {
    handle,
    stats: { size },
  } = await openRegularAsync(file);
  try {
    const header = Buffer.alloc(HEADER);
    const found = await readUpTo(handle, header, file, 0);
    if (found < HEADER) return "begun";
    if (!header.equals(shardHeader(fingerprint, number))) return "odd";
    const offsets: number[] = [];
    const head = Buffer.alloc(RECORD);
    let end = HEADER;
    let odd = false;
    while (end + RECORD <= size) {
      await readAll(handle, head, file, end);
      const length = head.readUInt32LE(4);
      const next = end + RECORD + length;
      odd = head.readUInt32LE(0) !== first + offsets.length || length > MAX_RECORD;
      if (odd || next > size) break;
      offsets.push(end);
      end = next;
    }
    return { file, number, offsets, end, odd };
  } finally {
    await handle.close();
  }
}
