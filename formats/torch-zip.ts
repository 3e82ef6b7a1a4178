/** @file torch's zip format: `<root>/data.pkl`, one record `<root>/data/<key>` a storage, `<root>/version`. */
import { FileFormatError } from "../base/errors.js";
import { Budget } from "./budget.js";
import { ByteCursor } from "./byte-cursor.js";
import { bytesPerElement } from "./dtypes.js";
import { settled } from "./pickle-limits.js";
import { BuildError, type PyValue } from "./python.js";
import type { ByteSource } from "./source.js";
import { storageId, torchGlobals } from "./torch-globals.js";
import { TorchStorage } from "./torch-values.js";
import { unpickle } from "./unpickle.js";
import { ZipArchive } from "./zip.js";

/**
 * The object that torch.save was given. Tensors read their data from the file when asked.
 * @throws FileFormatError NotACheckpoint (a zip of something else), MissingRecord, StorageOutOfBounds, ChecksumMismatch, …
 */
export function readTorchZip(source: ByteSource): PyValue {
  const { file } = source;
  const archive = ZipArchive.open(source);
  const pickle = archive.names.find((name) => /^[^/]*\/data\.pkl$/.test(name));
  if (!pickle) throw new FileFormatError("NotACheckpoint", file, "a zip archive without <folder>/data.pkl");
  const root = pickle.slice(0, -"data.pkl".length);
  const order = `${root}byteorder`;
  if (archive.has(order) && Buffer.from(archive.record(order).read(0, archive.sizeOf(order))).toString() !== "little")
    throw new FileFormatError("UnsupportedFeature", file, "written on a big-endian machine");

  const storages = new Map<string, TorchStorage>();
  const budget = new Budget(file, source.size, "UnsupportedFeature");
  const persistent = (id: PyValue) => {
    const { dtype, key, count } = storageId(id);
    const known = storages.get(key);
    if (known?.dtype === dtype && known?.count === count) return known;
    const name = `${root}data/${key}`;
    if (!archive.has(name)) throw new BuildError("MissingRecord", `the archive has no record ${name}`);
    const needed = count * (dtype ? bytesPerElement[dtype] : 1);
    if (archive.sizeOf(name) < needed)
      throw new BuildError(
        "StorageOutOfBounds",
        `record ${name} has ${archive.sizeOf(name)} bytes, expected ${needed}`,
      );
    const record = archive.record(name);
    const storage = new TorchStorage(file, dtype, count, (begin, length) => record.read(begin, length), budget);
    storages.set(key, storage);
    return storage;
  };
  const bytes = archive.record(pickle).read(0, archive.sizeOf(pickle));
  // the record's CRC is right, so an end before STOP is no truncation
  const cursor = new ByteCursor(bytes, file, "MalformedPickle");
  const value = unpickle(cursor, { globals: torchGlobals, persistent, keepUnknown: true });
  return settled(value, bytes.length, file);
}
