/** @file Parts of tensors that are larger than one binding may be: aligned byte windows, and strips of rows. */
import type { Device } from "./device.js";
import type { Tensor, Window } from "./tensor.js";

/**
 * Binds elements [begin, end) of a float tensor. `shift` is the element at which the window really starts, at or before
 * `begin` because offsets must be aligned; kernels subtract it from their addresses.
 */
export function windowOf(
  device: Device,
  tensor: Tensor,
  begin: number,
  end: number,
): { window: Window; shift: number } {
  const align = device.caps.offsetAlignment;
  const offset = Math.floor((begin * 4) / align) * align;
  return { window: { tensor, offset, bytes: end * 4 - offset }, shift: offset / 4 };
}

/** A strip of output rows and the input rows it needs (clipped to the input). */
export interface Strip {
  readonly out0: number;
  readonly out1: number;
  readonly in0: number;
  readonly in1: number;
}

export interface StripRule {
  readonly outRows: number;
  readonly outRowBytes: number;
  readonly inRows: number;
  readonly inRowBytes: number;
  /** Input rows [first, last) that output rows [out0, out1) read, before clipping. */
  needs(out0: number, out1: number): [first: number, last: number];
}

/** Where the windows of a convolution or pool lie: of H input rows an image, OH output rows; `reach` rows from first to last. */
export interface WindowRows {
  readonly H: number;
  readonly OH: number;
  readonly stride: number;
  readonly padding: number;
  readonly reach: number;
}

/**
 * Input rows that the windows of output rows [first, end) see. Strips may cross images: from the first row of the first one's
 * image to the last row of the last one's.
 */
export function seenRows({ H, OH, stride, padding, reach }: WindowRows): StripRule["needs"] {
  const row = (r: number, edge: number) =>
    Math.floor(r / OH) * H + Math.min(H, Math.max(0, (r % OH) * stride - padding + edge));
  return (first, end) => [row(first, 0), row(end - 1, reach)];
}

/** Splits output rows so that neither side of a strip exceeds one binding. One strip where everything fits. */
export function rowStrips(device: Device, rule: StripRule): Strip[] {
  const limit = device.maxBinding - 2 * device.caps.offsetAlignment;
  const strip = (out0: number, out1: number): Strip => {
    const [a, b] = rule.needs(out0, out1);
    return { out0, out1, in0: Math.max(0, Math.min(a, rule.inRows)), in1: Math.max(0, Math.min(b, rule.inRows)) };
  };
  const fits = (s: Strip) =>
    (s.out1 - s.out0) * rule.outRowBytes <= limit && (s.in1 - s.in0) * rule.inRowBytes <= limit;
  for (let parts = 1; parts <= rule.outRows; parts++) {
    const strips: Strip[] = [];
    for (let i = 0; i < parts; i++) {
      const s = strip(Math.floor((rule.outRows * i) / parts), Math.floor((rule.outRows * (i + 1)) / parts));
      if (s.out1 > s.out0) strips.push(s);
    }
    if (strips.every(fits)) return strips;
  }
  throw new Error(
    `engine: one row exceeds a binding — expected at most ${limit} bytes, got ${Math.max(rule.outRowBytes, rule.inRowBytes)}`,
  );
}

/** For ops that bind their tensors whole. @throws Error when one of them exceeds what a binding may have */
export function wholeBindings(device: Device, op: string, ...tensors: readonly Tensor[]): void {
  for (const { shape, bytes } of tensors)
    if (bytes > device.maxBinding)
      throw new Error(
        `${op}: tensor [${shape.join(", ")}] — expected at most ${device.maxBinding} bytes, the largest binding of this device, got ${bytes}`,
      );
}
