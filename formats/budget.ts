/**
 * @file What reading a file may take. A few bytes can ask for gigabytes: memo slots, records that inflate, one number
 * broadcast into a matrix. Every reader charges what it is about to allocate here, before it allocates.
 */
import { type FileFailure, FileFormatError } from "../base/errors.js";

const MiB = 2 ** 20;

/** Memory of one file's reading, in bytes. */
export class Budget {
  private used = 0;
  /** Most that may be charged. */
  readonly limit: number;

  /**
   * @param size of the file, or of the part of it that is read
   * @param kind the class of failure when it is spent
   * @param free what even the smallest file may take; with `times` the size: what real files need lies far below
   */
  constructor(
    readonly file: string,
    readonly size: number,
    readonly kind: FileFailure,
    { free = 64 * MiB, times = 4 }: { readonly free?: number; readonly times?: number } = {},
  ) {
    this.limit = free + times * size;
  }

  /** Charges bytes that are about to be allocated, or read. @throws FileFormatError when that is more than the file may take */
  take(bytes: number, what: string): void {
    this.used += bytes;
    // also refuses NaN
    if (!(this.used <= this.limit)) throw this.spent(what);
  }

  private spent(what: string): FileFormatError {
    const most = `${Math.round(this.limit / MiB)} MiB`;
    const detail = `${what} would take more memory than a file of ${this.size} bytes may (${most}); a file of data does not, get it again`;
    return new FileFormatError(this.kind, this.file, detail);
  }
}
