/** @file What a device is opened with. */
import { anything, flag, oneOf, positive, type Rule, text, whole } from "../base/check.js";

/** Of both sides of convolutions and products; sums and all else are float32. */
export type Precision = "f32" | "f16";

export interface DeviceOptions {
  /** Index, part of a name, or `software` (the packed driver); default $FIRE_GPU_DEVICE, else the first device. */
  readonly select?: string;
  /** Bytes of GPU memory to hold at most; default: no limit of our own. Work that can be split is split to fit. */
  readonly memory?: number;
  /** Record time by kernel (slower: one pass a dispatch). */
  readonly profile?: boolean;
  /** Of convolutions and products; see `Device.precision`. Default "f32". */
  readonly precision?: Precision;
  /** Pretend that a binding may not exceed so many bytes, to test work in windows on any device. */
  readonly maxBinding?: number;
}

/** Both of `openDevice` and of `openTuned`, which hands its options on. */
export const DEVICE_RULES = {
  select: text,
  memory: { expected: "bytes above 0", fits: (v) => v === Number.POSITIVE_INFINITY || positive.fits(v) },
  profile: flag,
  precision: oneOf("f32", "f16"),
  maxBinding: whole(256),
  tune: flag,
  news: { expected: "a function", fits: (v) => typeof v === "function" },
  folder: anything,
} satisfies Record<string, Rule>;
