/** @file One GET over HTTP(S): redirects followed, silence timed out, bytes as the server stores them. */
import { get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { FireGpuError } from "../../base/errors.js";

export interface HttpOptions {
  /** Sent as `Range` and, when a validator is known, `If-Range`. */
  range?: { readonly from: number; readonly validator: string | null };
  signal?: AbortSignal;
  /** Give up when nothing arrives for so long. Default 60 s. */
  idleMs?: number;
}

/** The server's own no, or a redirect that leads nowhere. Trying the same URL again is of use only if `temporary`. */
export class HttpError extends FireGpuError {
  override readonly exitCode = 4;
  readonly temporary: boolean;
  constructor(
    readonly status: number,
    url: string,
    detail: string,
  ) {
    super("HttpStatus", `${url}: ${detail}`);
    this.temporary = status >= 500 || status === 408 || status === 429;
  }
}

const MAX_REDIRECTS = 8;

/**
 * Opens a URL. The caller reads the body of the message (an async iterable of bytes), which fails when the connection
 * breaks, stays silent or is aborted.
 * @throws HttpError for every status but 200, 206 and 416; system errors of the connection; the signal's reason.
 */
export async function openUrl(url: string, options: HttpOptions = {}): Promise<IncomingMessage> {
  let at = url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const message = await getOnce(at, options);
    const status = message.statusCode ?? 0;
    if (status === 200 || status === 206 || status === 416) return message;
    message.destroy();
    const { location } = message.headers;
    if (![301, 302, 303, 307, 308].includes(status) || !location)
      throw new HttpError(status, at, `the server answered ${status} ${message.statusMessage ?? ""}`.trimEnd());
    at = new URL(location, at).href;
  }
  throw new HttpError(310, url, `more than ${MAX_REDIRECTS} redirects`);
}

function getOnce(url: string, { range, signal, idleMs = 60_000 }: HttpOptions): Promise<IncomingMessage> {
  // Archives are compressed already; a server that compresses once more would make byte ranges meaningless.
  const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "fire-gpu" };
  if (range) {
    headers.range = `bytes=${range.from}-`;
    if (range.validator) headers["if-range"] = range.validator;
  }
  const { protocol } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:")
    throw new HttpError(0, url, `expected an http or https address, got ${protocol}`);
  return new Promise((resolve, reject) => {
    let message: IncomingMessage | undefined;
    const request = (protocol === "https:" ? httpsGet : httpGet)(url, { headers, signal }, (answer) => {
      message = answer;
      resolve(answer);
    });
    request.on("error", reject);
    // Once the answer has begun, its reader must hear why it ends; the request's error would reach nobody.
    request.setTimeout(idleMs, () =>
      (message ?? request).destroy(new Error(`nothing received for ${idleMs / 1000} s`)),
    );
  });
}
