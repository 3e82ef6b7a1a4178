/**
 * @file The failures a user can meet, by class. One line each: what went wrong, where, expected and got, how to fix.
 * The class decides the exit code of the command line (README, "Exit codes").
 */

/** Root of all errors that fire-gpu raises on purpose. `code` is stable and may be searched for. */
export class FireGpuError extends Error {
  /** Exit code of the command line for this class of failure. */
  readonly exitCode: number = 1;
  constructor(
    readonly code: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A wrong argument, option, configuration key or value. */
export class UsageError extends FireGpuError {
  override readonly exitCode = 2;
}

/**
 * A file that is damaged, hostile or not what it claims to be.
 * `kind` is one of the labels of the format readers (ForbiddenGlobal, Truncated, ChecksumMismatch, …).
 */
export class FileFormatError extends FireGpuError {
  override readonly exitCode = 3;
  constructor(
    readonly kind: FileFailure,
    readonly file: string,
    detail: string,
    options?: { cause?: unknown },
  ) {
    super(kind, `${file}: ${detail} [${kind}]`, options);
  }
}

export type FileFailure =
  | "ForbiddenGlobal"
  | "Truncated"
  | "ChecksumMismatch"
  | "NotACheckpoint"
  | "MissingRecord"
  | "StorageOutOfBounds"
  | "MalformedPickle"
  | "MalformedFile"
  | "UnsupportedFeature"
  | "ShapeMismatch"
  | "MissingKey"
  | "UnexpectedKey"
  | "NotFinite";

/** A data set, image, model or other input that is not where it is expected. */
export class MissingDataError extends FireGpuError {
  override readonly exitCode = 4;
}

/** No usable adapter, a lost device, out of memory, a kernel that does not compile. */
export class DeviceError extends FireGpuError {
  override readonly exitCode = 5;
}

/** A result that is not a number, a diverging loss, an input that makes a computation impossible. */
export class NumericError extends FireGpuError {
  override readonly exitCode = 6;
}

/** A file that cannot be written: the disk is full, no permission, a name that the file system does not take. */
export class WriteError extends FireGpuError {
  override readonly exitCode = 7;
}
