/** @file A server that sends what a test writes into the socket, HTTP or not. */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

export interface RawRequest {
  readonly path: string;
  /** Of `Range: bytes=N-`; null when the whole file is asked for. */
  readonly from: number | null;
  /** The how manyeth since the last reset, from 0. */
  readonly count: number;
}

export type RawHandler = (socket: Socket, request: RawRequest) => void;

export class RawServer {
  handler: RawHandler = (socket) => socket.destroy();
  count = 0;
  base = "";
  private readonly sockets = new Set<Socket>();
  private readonly server: Server = createServer((socket) => {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    // what the other side thinks of all this is for the test to find out
    socket.on("error", () => {});
    let head = "";
    socket.on("data", (bytes) => {
      head += bytes.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      const range = /^range: bytes=(\d+)-/im.exec(head)?.[1];
      const path = head.split(" ")[1];
      head = "";
      this.handler(socket, { path, from: range === undefined ? null : Number(range), count: this.count++ });
    });
  });

  async open(): Promise<void> {
    await new Promise<void>((ready) => this.server.listen(0, "127.0.0.1", ready));
    this.base = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Begins a new test: counts from 0, with no connection left of the one before. */
  reset(handler: RawHandler): void {
    for (const socket of this.sockets) socket.destroy();
    this.count = 0;
    this.handler = handler;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}
