/** @file A local server for downloads that behaves, or misbehaves, as a test wants. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on this computer whose answers are set by the test. */
export class DownloadServer {
  handler: Handler = (_, response) => response.writeHead(404).end();
  /** What was asked since the test began: "path range". */
  asked: string[] = [];
  base = "";
  private readonly server: Server = createServer((request, response) => {
    this.asked.push(`${request.url} ${request.headers.range ?? "-"}`);
    this.handler(request, response);
  });

  async open(): Promise<void> {
    await new Promise<void>((ready) => this.server.listen(0, "127.0.0.1", ready));
    this.base = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** Photo-like bytes: no two parts are alike. */
export function noise(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 2654435761) >>> 13));
}

/** The error of work that must fail. */
export async function complaint(work: Promise<unknown>): Promise<Error & { code: string; exitCode: number }> {
  const error = await work.then(
    () => undefined,
    (e) => e,
  );
  if (!(error instanceof Error)) throw new Error("expected an error");
  return error as Error & { code: string; exitCode: number };
}

/** Serves `content` with ranges and a validator; `cut` ends the first answers after so many bytes. */
export function serve(content: Uint8Array, options: { cut?: number[]; etag?: string; ranges?: boolean } = {}): Handler {
  const { cut = [], etag = '"v1"', ranges = true } = options;
  const cuts = [...cut];
  return (request, response) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? -1);
    const valid = request.headers["if-range"] === undefined || request.headers["if-range"] === etag;
    const begin = ranges && valid && from >= 0 ? from : 0;
    if (begin >= content.length) {
      response.writeHead(416, { "content-range": `bytes */${content.length}` }).end();
      return;
    }
    const rest = content.subarray(begin);
    response.writeHead(ranges && valid && from >= 0 ? 206 : 200, {
      "content-length": rest.length,
      ...(ranges && valid && from >= 0
        ? { "content-range": `bytes ${begin}-${content.length - 1}/${content.length}` }
        : {}),
      ...(etag ? { etag } : {}),
    });
    const stop = cuts.shift();
    if (stop === undefined) response.end(rest);
    else response.write(rest.subarray(0, stop), () => setTimeout(() => response.destroy(), 20));
  };
}
