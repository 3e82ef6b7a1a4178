/** @file One GET over HTTP(S): redirects followed, silence timed out, bytes as the server stores them. */
import { get as httpGet, type IncomingMessage } from "node:http";
import { get as httpsGet } from "node:https";
import { FireGpuError } from "../../base/errors.js";
import { shownAddress } from "./file-name.js";
import { networkCause } from "./network-error.js";

export interface HttpOptions {
  /** Sent as `Range` and `If-Range`: the rest from a byte on, unless the file is another one than the validator's. */
  range?: { readonly from: number; readonly validator: string };
  signal?: AbortSignal;
  /** Give up when nothing arrives for so long, and when an answer has not begun by then. Default 60 s. */
  idleMs?: number;
}

/** The beginning of an answer: 200, 206 or 416. The body is for the caller to read. */
export interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  /** Whether every step on the way was encrypted. */
  readonly secure: boolean;
}

/** The server's own no, or a redirect that leads nowhere. Trying the same URL again is of use only if `temporary`. */
export class HttpError extends FireGpuError {
  override readonly exitCode = 4;
  constructor(
    readonly status: number,
    url: string,
    detail: string,
    readonly temporary = false,
    /** How long the server asks to wait before the next request; 0 when it does not say. */
    readonly waitMs = 0,
    cause?: unknown,
  ) {
    super("HttpStatus", `${shownAddress(url)}: ${detail}`, { cause });
  }
}

const MAX_REDIRECTS = 8;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Answers after which the same request may succeed. */
const TEMPORARY = [408, 425, 429, 500, 502, 503, 504];

/**
 * Opens a URL. The caller reads the body of the message (an async iterable of bytes), which fails when the connection
 * breaks, stays silent or is aborted.
 * @throws HttpError for every status but 200, 206 and 416, for redirects that lead nowhere or away from https, and for
 *   connections that fail; the signal's reason.
 */
export async function openUrl(url: string, options: HttpOptions = {}): Promise<Answer> {
  let at = new URL(url);
  let secure = true;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    secure &&= at.protocol === "https:";
    const message = await getOnce(at, options);
    const status = message.statusCode ?? 0;
    if (status === 200 || status === 206 || status === 416) return { status, message, secure };
    message.destroy();
    const { location } = message.headers;
    if (!REDIRECTS.includes(status) || !location) throw refusal(at.href, message);
    at = redirect(at, location);
  }
  throw new HttpError(310, url, `more than ${MAX_REDIRECTS} redirects`);
}

function refusal(url: string, { statusCode = 0, statusMessage = "", headers }: IncomingMessage): HttpError {
  const detail = `the server answered ${statusCode} ${statusMessage}`.trimEnd();
  return new HttpError(statusCode, url, detail, TEMPORARY.includes(statusCode), retryAfter(headers["retry-after"]));
}

/** Milliseconds of a Retry-After header: seconds or a date. */
function retryAfter(value: string | undefined): number {
  if (value === undefined) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : 0;
}

/** Where a redirect leads. @throws HttpError for what is no web address, and for the way from https to plain http */
export function redirect(from: URL, location: string): URL {
  let to: URL;
  try {
    to = new URL(location, from);
  } catch (cause) {
    throw new HttpError(310, from.href, `a redirect to no address (${JSON.stringify(location)})`, false, 0, cause);
  }
  if (to.protocol !== "http:" && to.protocol !== "https:")
    throw new HttpError(310, from.href, `a redirect to ${to.protocol}, which is not followed`);
  if (from.protocol === "https:" && to.protocol === "http:")
    throw new HttpError(310, from.href, `a redirect from https to plain http (${shownAddress(to.href)}), not followed`);
  return to;
}

function getOnce(url: URL, { range, signal, idleMs = 60_000 }: HttpOptions): Promise<IncomingMessage> {
  // Archives are compressed already; a server that compresses once more would make byte ranges meaningless.
  const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "fire-gpu" };
  if (range) {
    headers.range = `bytes=${range.from}-`;
    headers["if-range"] = range.validator;
  }
  const silence = () => new HttpError(0, url.href, `nothing received for ${idleMs / 1000} s`, true);
  return new Promise((resolve, reject) => {
    let message: IncomingMessage | undefined;
    // A connection of its own for each request: what a server sends beyond its answer must not meet the next one.
    const options = { headers, signal, agent: false as const };
    const request = (url.protocol === "https:" ? httpsGet : httpGet)(url, options, (answer) => {
      message = answer;
      clearTimeout(deadline);
      resolve(answer);
    });
    // A server that sends its headers byte by byte is never silent, and never done.
    const deadline = setTimeout(() => request.destroy(silence()), idleMs);
    request.on("error", (error) => {
      clearTimeout(deadline);
      reject(signal?.aborted ? error : named(url.href, error));
    });
    // A server may also take the connection for another protocol, or end it in a way that is no error.
    request.on("upgrade", (answer, socket) => {
      socket.destroy();
      reject(refusal(url.href, answer));
    });
    request.on("close", () => {
      clearTimeout(deadline);
      reject(new HttpError(0, url.href, "the connection was closed without an answer", true));
    });
    // Once the answer has begun, its reader must hear why it ends; the request's error would reach nobody.
    request.setTimeout(idleMs, () => (message ?? request).destroy(silence()));
  });
}

/** An error of the connection as an HttpError; others as they are. */
export function named(url: string, error: unknown): unknown {
  const cause = networkCause(error);
  return cause ? new HttpError(0, url, cause.reason, !cause.final, 0, error) : error;
}
