/** @file Which shapes are timed: lists for software drivers, for GPUs and for tests, and shapes the user names. */
import { UsageError } from "../../base/errors.js";
import type { Device } from "../../engine/device.js";

export interface GemmSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export interface ConvSize {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  /** As the user writes it. */
  readonly text: string;
}

export interface BenchSizes {
  readonly mini: boolean;
  readonly gemm: readonly GemmSize[];
  readonly conv: readonly ConvSize[];
  /** Side of the image of the bare trunk. */
  readonly trunk: number;
  readonly photo: { readonly width: number; readonly height: number };
  readonly scales: readonly number[];
  /** Locations of the feature map. */
  readonly lit: number;
  /** Of training: query, positive and negatives. */
  readonly tuple: { readonly images: number; readonly height: number; readonly width: number };
  readonly hamming: { readonly codes: number; readonly queries: number };
  readonly quantise: { readonly vectors: number; readonly words: number };
}

const GEMM = "256x256x256 512x512x512 1024x1024x1024 4096x64x576 4096x256x64 256x256x2304 12288x64x64";
const CONV =
  "256x256x3>64/7s2 64x64x64>64/3 64x64x64>256/1 64x64x256>64/1 64x64x128>128/3s2 32x32x128>128/3 16x16x256>256/3 16x16x1024>256/1";
/** Scales of the published evaluation. */
export const EVAL_SCALES = [2, 1.414, 1, 0.707, 0.5, 0.353, 0.25];

const SOFTWARE: BenchSizes = {
  mini: false,
  gemm: GEMM.split(" ").map(gemmSize),
  conv: CONV.split(" ").map(convSize),
  trunk: 256,
  photo: { width: 768, height: 576 },
  scales: EVAL_SCALES,
  lit: 3072,
  tuple: { images: 7, height: 256, width: 256 },
  hamming: { codes: 1e6, queries: 96 },
  quantise: { vectors: 1000, words: 65536 },
};

const GPU: BenchSizes = {
  ...SOFTWARE,
  gemm: [...SOFTWARE.gemm, gemmSize("2048"), gemmSize("4096")],
  conv: [...SOFTWARE.conv, convSize("8x64x64x256>256/3")],
  photo: { width: 1024, height: 768 },
  hamming: { codes: 1e6, queries: 1000 },
};

const MINI: BenchSizes = {
  mini: true,
  gemm: [gemmSize("32x40x24")],
  conv: [convSize("8x8x4>8/3"), convSize("9x9x3>8/7s2")],
  trunk: 32,
  photo: { width: 48, height: 32 },
  scales: [1, 0.5],
  lit: 20,
  tuple: { images: 3, height: 32, width: 40 },
  hamming: { codes: 1000, queries: 5 },
  quantise: { vectors: 20, words: 256 },
};

/**
 * The sizes of a run.
 * @param text undefined for the device's own list, "mini", or a size as the section writes it: gemm `512` or `MxNxK`,
 *   conv `[N x]HxWxC>O/K[sS]`, net `WIDTHxHEIGHT` of the photo, lit the number of locations, train
 *   `HEIGHTxWIDTH` of a tuple's images, asmk the number of codes
 * @throws UsageError
 */
export function sizesOf(device: Device, section: string, text: readonly string[] | undefined): BenchSizes {
  const base = device.caps.software ? SOFTWARE : GPU;
  if (!text?.length) return base;
  if (text.length === 1 && text[0] === "mini") return MINI;
  switch (section) {
    case "gemm":
      return { ...base, gemm: text.map(gemmSize) };
    case "conv":
      return { ...base, conv: text.map(convSize) };
    case "net": {
      const [width, height] = numbers(text[0], /^(\d+)x(\d+)$/, "a photo's WIDTHxHEIGHT");
      return { ...base, photo: { width, height } };
    }
    case "lit":
      return { ...base, lit: numbers(text[0], /^(\d+)$/, "a number of locations")[0] };
    case "train": {
      const [height, width] = numbers(text[0], /^(\d+)x(\d+)$/, "an image's HEIGHTxWIDTH");
      return { ...base, tuple: { ...base.tuple, height, width } };
    }
    case "asmk": {
      const [codes] = numbers(text[0], /^(\d+)$/, "a number of codes");
      return { ...base, hamming: { ...base.hamming, codes } };
    }
    default:
      throw new UsageError("BenchSize", `bench: --size — expected "mini" with all sections, got ${text.join(" ")}`);
  }
}

function gemmSize(text: string): GemmSize {
  if (/^\d+$/.test(text)) return gemmSize(`${text}x${text}x${text}`);
  const [m, n, k] = numbers(text, /^(\d+)x(\d+)x(\d+)$/, "512 or MxNxK, for example 4096x64x576");
  if (n % 4 || k % 4) throw new UsageError("BenchSize", `bench: --size — expected N and K in fours, got ${text}`);
  return { m, n, k };
}

function convSize(text: string): ConvSize {
  const [batch, height, width, inChannels, outChannels, kernel, stride] = numbers(
    text,
    /^(?:(\d+)x)?(\d+)x(\d+)x(\d+)>(\d+)\/(\d+)(?:s(\d+))?$/,
    "HxWxC>O/K[sS], for example 64x64x64>256/1 or 8x64x64x256>256/3s2",
  );
  if (outChannels % 4 || kernel % 2 === 0)
    throw new UsageError("BenchSize", `bench: --size — expected output channels in fours, an odd kernel, got ${text}`);
  return { batch, height, width, inChannels, outChannels, kernel, stride, text };
}

/** The groups of a pattern as numbers of at least 1; groups left out count as 1. */
function numbers(text: string, pattern: RegExp, expected: string): number[] {
  const values = pattern
    .exec(text)
    ?.slice(1)
    .map((v) => Number(v ?? 1));
  if (!values?.every((v) => v >= 1))
    throw new UsageError("BenchSize", `bench: --size — expected ${expected}, got ${text}`);
  return values;
}
