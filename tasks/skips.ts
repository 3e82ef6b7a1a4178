/** @file Photos that cannot be used: the run stops at them, or goes on without them and says so at the end. */
import { FileFormatError } from "../base/errors.js";
import { type ImageError, imageError } from "../data/image-job.js";
import { lookAtPhoto } from "../data/look.js";
import type { Photo } from "./evaluate/photos.js";
import { type Progress, stopIfAsked } from "./progress.js";

/** `--on-error`. */
export type OnError = "skip" | "stop";

/** A photo that was left out. */
export interface SkippedPhoto {
  readonly file: string;
  /** As of the error: ImageMissing, MalformedFile, Truncated, UnsupportedFeature, BoxOutside, NoScale, … */
  readonly code: string;
  readonly reason: string;
}

/** Photos looked at before the work at most; of more, every n-th. */
const LOOKED_AT = 20_000;
const AT_ONCE = 32;
/** Lines of the list at the end. */
const LISTED = 20;

export class SkipList {
  private readonly found = new Map<string, SkippedPhoto>();

  /** @param onSkip is told of each photo when it is met */
  constructor(
    readonly policy: OnError,
    private readonly onSkip?: (photo: SkippedPhoto) => void,
  ) {}

  /** Each photo once, in the order in which they were met. */
  get list(): SkippedPhoto[] {
    return [...this.found.values()];
  }

  /**
   * Notes a photo that is left out.
   * @throws the error when the run is to stop at it, or when the fault is not the photo's (a lost thread, a bug)
   */
  add(error: ImageError): void {
    if (this.policy === "stop" || ![2, 3, 4].includes(error.exitCode)) throw error;
    const { file, code } = error;
    if (this.found.has(file)) return;
    const photo = { file, code, reason: reasonOf(error) };
    this.found.set(file, photo);
    this.onSkip?.(photo);
  }

  /**
   * Looks at photos before the long work: are they there, regular, of a kind that is read; do boxes show a part of them.
   * @param most of more photos every n-th is looked at
   * @throws ImageError with the number of bad ones and the first of them, when the run stops at such photos; Interrupted
   */
  async lookAt(
    photos: readonly Photo[],
    label: string,
    progress: Progress,
    signal?: AbortSignal,
    most = LOOKED_AT,
  ): Promise<void> {
    const step = Math.ceil(photos.length / most);
    // A box is looked at wherever it is: there are few.
    const looked = photos.filter((photo, i) => i % step === 0 || photo.box !== null);
    const bad: ImageError[] = [];
    for (let begin = 0; begin < looked.length; begin += AT_ONCE) {
      stopIfAsked(signal);
      const block = looked.slice(begin, begin + AT_ONCE);
      const found = await Promise.all(block.map(({ path, box }) => lookAtPhoto(path, box)));
      bad.push(...found.filter((error) => error !== null));
    }
    if (bad.length === 0) return;
    const [first] = bad;
    const count = `${bad.length} of ${looked.length} photos cannot be used`;
    if (this.policy === "skip" && bad.length < looked.length)
      return progress.warn(`${label}: ${count} and will be skipped, the first is ${first.message}`);
    const more = bad.length === 1 ? "" : `; ${label}: ${count}, this is the first`;
    throw imageError(first.code, first.file, `${first.message}${more}`, this.policy === "skip" ? 3 : first.exitCode);
  }

  /** Lists what was left out, for the end of a run. */
  report(progress: Progress): void {
    const { list } = this;
    if (list.length === 0) return;
    progress.warn(`${list.length} ${list.length === 1 ? "photo was" : "photos were"} skipped:`);
    for (const { file, code, reason } of list.slice(0, LISTED)) progress.warn(`  ${file}: ${reason} (${code})`);
    if (list.length > LISTED) progress.warn(`  and ${list.length - LISTED} more`);
  }

  /** @throws FileFormatError when nothing is left of `photos` photos */
  requireSome(left: number, photos: number, label: string): void {
    const [first] = this.found.values();
    if (left > 0 || !first) return;
    const detail = `${first.reason}; ${label}: none of ${photos} photos can be used, this is the first`;
    throw new FileFormatError("MalformedFile", first.file, detail);
  }
}

/** The message without the file's name, which stands beside it. */
function reasonOf({ file, message }: ImageError): string {
  return (message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message).replace(/ \[\w+\]$/, "");
}
