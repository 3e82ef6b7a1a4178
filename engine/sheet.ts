/**
 * @file Data in a texture that shaders read vec4 by vec4: Mesa's software driver turns a load from a storage buffer into some
 * 380 instructions for eight lanes (a mask, a bound and an insertion for each number), one from a read-only storage texture
 * into 60, for texels are loaded whole. Stores are five times dearer there, so data are computed into a buffer and copied.
 */

/** vec4s of a row. Linear place i is texel (i % 1024, i / 1024); shaders/conv/left_sheet.wgsl counts the same way. */
export const SHEET_WIDTH = 1024;
const ROW = SHEET_WIDTH * 16;
/** Bytes of the largest: textures of 8,192 rows are in every device's limits. */
export const SHEET_BYTES = 8192 * ROW;

/** A texture of whole rows. */
export class Sheet {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;

  /** @param bytes of whole rows */
  constructor(device: GPUDevice, bytes: number) {
    this.texture = device.createTexture({
      label: "sheet",
      size: [SHEET_WIDTH, bytes / ROW],
      format: "rgba32float",
      usage: GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.COPY_DST,
    });
    this.view = this.texture.createView();
  }

  /** Records the copy of so many bytes of a buffer, both multiples of 16, into the sheet. */
  fill(encoder: GPUCommandEncoder, buffer: GPUBuffer, begin: number, bytes: number): void {
    const { texture } = this;
    const rows = Math.floor(bytes / ROW);
    const rest = (bytes % ROW) / 16;
    if (rows)
      encoder.copyBufferToTexture({ buffer, offset: begin, bytesPerRow: ROW }, { texture }, [SHEET_WIDTH, rows]);
    if (rest)
      encoder.copyBufferToTexture(
        { buffer, offset: begin + rows * ROW, bytesPerRow: ROW },
        { texture, origin: [0, rows] },
        [rest, 1],
      );
  }

  destroy(): void {
    this.texture.destroy();
  }
}

/** The size of the sheet for so many bytes: four classes an octave, in whole rows. */
export function sheetClass(bytes: number): number {
  const rows = Math.ceil(bytes / ROW);
  const step = 2 ** Math.max(0, Math.floor(Math.log2(rows)) - 2);
  return Math.ceil(rows / step) * step * ROW;
}
