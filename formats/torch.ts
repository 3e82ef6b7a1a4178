/** @file Any file that torch.save wrote, or a plain pickle in its place: told apart by content, never by name. */
import { FileFormatError } from "../base/errors.js";
import { readPickle } from "./pickle.js";
import type { PyValue } from "./python.js";
import { type ByteSource, fileSource } from "./source.js";
import { torchGlobals } from "./torch-globals.js";
import { looksLikeLegacy, readTorchLegacy } from "./torch-legacy.js";
import { readTorchZip } from "./torch-zip.js";
import { PyUnknown } from "./unknown-globals.js";
import { hasZipEnd, looksLikeZip } from "./zip.js";

export type TorchFormat = "torch-zip" | "torch-legacy" | "pickle";

/** The stored object, and which of the formats it was stored in. */
export interface TorchFile {
  format: TorchFormat;
  root: PyValue;
}

/** A plain pickle whose first byte does not say so (protocols 0 and 1) is tried up to this size. */
const maxGuess = 1 << 26;

/**
 * Reads a checkpoint, feature file or cached whitening.
 * @throws FileFormatError of every kind; NotACheckpoint when it is no format that we know
 */
export function readTorch(file: string): TorchFile {
  return readTorchSource(fileSource(file));
}

/** `readTorch` from any source of bytes. */
export function readTorchSource(source: ByteSource): TorchFile {
  const { format, root } = readStored(source);
  if (root instanceof PyUnknown)
    throw new FileFormatError(
      "ForbiddenGlobal",
      source.file,
      `the file holds one object, ${root.name}, which only the program that saved it can build; save its state_dict() instead`,
    );
  return { format, root };
}

function readStored(source: ByteSource): TorchFile {
  const { file, size } = source;
  if (size === 0) throw new FileFormatError("Truncated", file, "the file is empty");
  const head = source.read(0, Math.min(size, 32));
  if (looksLikeZip(head)) return { format: "torch-zip", root: readTorchZip(source) };
  if (looksLikeLegacy(head)) return { format: "torch-legacy", root: readTorchLegacy(source) };
  // a zip archive without its beginning: the directory tells how much is missing
  if (hasZipEnd(source)) return { format: "torch-zip", root: readTorchZip(source) };
  const sure = head[0] === 0x80 && head[1] <= 5;
  const foreign = (cause?: unknown) =>
    new FileFormatError("NotACheckpoint", file, "expected a torch file (zip or legacy) or a pickle; this is neither", {
      cause,
    });
  if (!sure && size > maxGuess) throw foreign();
  try {
    return { format: "pickle", root: readPickle(source.read(0, size), file, torchGlobals, true) };
  } catch (e) {
    if (sure || !(e instanceof FileFormatError) || e.kind === "ForbiddenGlobal") throw e;
    throw foreign(e);
  }
}
