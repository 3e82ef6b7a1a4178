/**
 * @file The names of WebGPU that our declarations hold, for programs that know none of it. An empty interface merges with
 * that of any library: the DOM's of a recent TypeScript, or @webgpu/types.
 */
declare global {
  interface GPUAdapter {}
  interface GPUBindGroup {}
  interface GPUBindGroupLayout {}
  interface GPUBuffer {}
  interface GPUCommandEncoder {}
  interface GPUComputePassTimestampWrites {}
  interface GPUComputePipeline {}
  interface GPUDevice {}
  interface GPUTexture {}
  interface GPUTextureView {}
}

export {};
