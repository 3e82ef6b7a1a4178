/** @file What came, kept in the record, and what nobody vouches for, said. */
import { relative } from "node:path";
import type { Fetched } from "./fetch-file.js";
import { shownAddress } from "./file-name.js";
import type { DownloadOptions } from "./options.js";
import type { DownloadRecord } from "./record.js";

/**
 * Keeps what was received, and says what nobody has vouched for: plain http, and a file that was another one before.
 * @param certain whether its hash was known and agreed
 */
export function noteReceived(
  url: string,
  target: string,
  { url: from, sha256, size, secure, reasons }: Fetched,
  record: DownloadRecord,
  { root, onWarn, onNote }: DownloadOptions,
  certain = false,
): void {
  const key = shownAddress(url);
  const before = record.received(key);
  if (!certain && before !== undefined && before.sha256 !== sha256)
    onWarn?.(
      `${target}: not the file that came on ${before.finished}: its SHA-256 was ${before.sha256}, and is ${sha256} now`,
    );
  if (!certain && !secure && !sameHost(from))
    onWarn?.(`${target} came over plain http and no hash is known to compare it with; its SHA-256 is ${sha256}`);
  for (const reason of reasons) onNote?.(`passed over: ${reason}`);
  record.addReceived(key, { path: relative(root, target), sha256, size });
}

/** Whether an address is of this computer, where nobody listens on the way. */
function sameHost(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}
