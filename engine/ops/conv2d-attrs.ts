/** @file What a convolution is told, shared by the op and its gradient. */

export interface Conv2dAttrs {
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly padding: readonly [number, number];
  readonly dilation: number;
  readonly relu: boolean;
}
