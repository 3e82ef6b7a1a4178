/** @file What every download is told, and tells. */
import type { FetchOptions } from "./fetch-file.js";

export interface DownloadOptions extends Pick<FetchOptions, "signal" | "attempts" | "pauseMs" | "idleMs"> {
  /** Data root. */
  root: string;
  /**
   * Base addresses that hold the same files, asked before the original: `<base>/<path of the address>`, then
   * `<base>/<file name>`. Default: $FIRE_GPU_MIRROR, a list separated by commas.
   */
  mirrors?: readonly string[];
  /** Called before anything is written; throws where another process downloads into the same root. */
  claim?: () => void;
  /** Bytes of the current step; `total` is null while unknown. */
  onProgress?: (step: DownloadStep, done: number, total: number | null) => void;
  /** One line of news: what was kept, what is waited for. */
  onNote?: (line: string) => void;
  /** One line that must not be missed: what nobody vouches for, what was passed over or replaced. */
  onWarn?: (line: string) => void;
}

/** Files from this size on show that they are being checked. */
const CHECK_SHOWN = 2 ** 28;

export interface DownloadStep {
  readonly action: "download" | "check" | "unpack";
  /** File name. */
  readonly file: string;
}

/** Those of one file's transfer. */
export function fetchOptions(options: DownloadOptions, file: string): FetchOptions {
  const { signal, attempts, pauseMs, idleMs, onProgress, onNote } = options;
  const told = (action: DownloadStep["action"]) => (done: number, total: number | null) =>
    onProgress?.({ action, file }, done, total);
  const check = told("check");
  return {
    ...{ signal, attempts, pauseMs, idleMs, onNote, onProgress: told("download") },
    onCheck: (done, total) => {
      if (total >= CHECK_SHOWN) check(done, total);
    },
  };
}
