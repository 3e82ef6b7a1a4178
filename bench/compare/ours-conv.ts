/** @file A convolution of a comparison as this package's op wants it. */
import type { Conv2dAttrs } from "../../engine/ops/conv2d-attrs.js";
import type { ConvNode } from "./works.js";

export function attrsOf({ outChannels, kernel, stride, pad, relu }: ConvNode): Conv2dAttrs {
  return { outChannels, kernel: [kernel, kernel], stride, padding: [pad, pad], dilation: 1, relu };
}
