/** @file The failure of a download. */
import { FireGpuError } from "../../base/errors.js";

/** No address gave the file, or what it gave is not the file. The message has one reason an address. */
export class DownloadError extends FireGpuError {
  override readonly exitCode = 4;
}
