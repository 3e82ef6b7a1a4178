/** @file Tar archives for tests. */

/** A ustar archive of [path, content]; a content of null is a folder, "->" a link. */
export function tar(entries: readonly [path: string, content: string | Uint8Array | null][]): Buffer {
  const blocks: Buffer[] = [];
  for (const [path, content] of entries) {
    const data = content === null || content === "->" ? Buffer.alloc(0) : Buffer.from(content);
    const long = path.length > 99;
    if (long) blocks.push(tarHeader("././@LongLink", path.length + 1, "L"), padded(Buffer.from(`${path}\0`)));
    const type = content === null ? "5" : content === "->" ? "2" : "0";
    blocks.push(tarHeader(long ? path.slice(0, 99) : path, data.length, type), padded(data));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export function tarHeader(path: string, size: number, type: string): Buffer {
  const h = Buffer.alloc(512);
  h.write(path, 0);
  h.write("0000644\0", 100);
  h.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  h.write("00000000000\0", 136);
  h.write(type, 156);
  h.write("ustar\x0000", 257);
  h.fill(32, 148, 156);
  const sum = h.reduce((n, b) => n + b, 0);
  h.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return h;
}

export function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}
