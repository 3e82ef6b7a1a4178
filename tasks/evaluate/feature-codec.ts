/**
 * @file Features of one image as a log record, little-endian:
 * local: count u32 · dim u32 · descriptors f32[count·dim] · strengths f32[count] · scales f32[count] · locations i16[2·count];
 * global: the descriptor, f32[dim];
 * a photo that was skipped: "FGSKIP\0\1", then code, reason and exit code as JSON.
 */
import { FileFormatError } from "../../base/errors.js";
import { type ImageError, imageError } from "../../data/image-job.js";
import type { LocalFeatures } from "../../nets/network.js";

/** Where the descriptors begin in a local record. */
export const DESCRIPTORS_AT = 8;

/** A copy of the features as one record. */
export function encodeLocal(features: LocalFeatures): Uint8Array {
  const { count, dim } = features;
  const parts = [features.descriptors, features.strengths, features.scales, features.locations];
  const bytes = Buffer.alloc(DESCRIPTORS_AT + parts.reduce((n, a) => n + a.byteLength, 0));
  bytes.writeUInt32LE(count, 0);
  bytes.writeUInt32LE(dim, 4);
  let at = DESCRIPTORS_AT;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return bytes;
}

/** The arrays are views of `bytes`, which must begin at a multiple of 4. */
export function decodeLocal(bytes: Uint8Array): LocalFeatures {
  const { count, dim } = localSize(bytes);
  let at = bytes.byteOffset + DESCRIPTORS_AT;
  const floats = (n: number) => {
    const view = new Float32Array(bytes.buffer, at, n);
    at += view.byteLength;
    return view;
  };
  const descriptors = floats(count * dim);
  const strengths = floats(count);
  const scales = floats(count);
  return { count, dim, descriptors, strengths, scales, locations: new Int16Array(bytes.buffer, at, 2 * count) };
}

/** Number and dimension of the descriptors of a local record. */
export function localSize(bytes: Uint8Array): { count: number; dim: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, DESCRIPTORS_AT);
  return { count: view.getUint32(0, true), dim: view.getUint32(4, true) };
}

/** The record of a global descriptor, a view of the same memory. */
export function encodeGlobal(descriptor: Float32Array): Uint8Array {
  return new Uint8Array(descriptor.buffer, descriptor.byteOffset, descriptor.byteLength);
}

/** The descriptor of a record, a view of the same memory, which must begin at a multiple of 4. */
export function decodeGlobal(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** No count of features, nor a value of a descriptor, looks like this. */
const SKIPPED = Buffer.from("FGSKIP\0\x01", "latin1");

/** What stands for the features of a photo that cannot be used. */
export function encodeSkipped({ code, message, exitCode }: ImageError): Uint8Array {
  return Buffer.concat([SKIPPED, Buffer.from(JSON.stringify({ code, message, exitCode }))]);
}

/** Whether a record stands for a photo that was skipped. */
export function isSkipped(record: Uint8Array): boolean {
  return record.length >= SKIPPED.length && SKIPPED.equals(record.subarray(0, SKIPPED.length));
}

/** Why the photo `file` was skipped; undefined for any other record. */
export function decodeSkipped(record: Uint8Array, file: string): ImageError | undefined {
  if (!isSkipped(record)) return undefined;
  try {
    const { code, message, exitCode } = JSON.parse(Buffer.from(record.subarray(SKIPPED.length)).toString("utf8"));
    return imageError(String(code), file, String(message), Number(exitCode));
  } catch (cause) {
    throw new FileFormatError("MalformedFile", file, "its record in the cache is damaged", { cause });
  }
}
