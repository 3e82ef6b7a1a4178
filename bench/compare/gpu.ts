/**
 * @file WebGPU for engines made for browsers: `navigator.gpu` on this package's own Dawn. Two traps of it under Node: a
 * promise may never settle while nothing keeps the event loop turning, and writeBuffer refuses views of shared memory,
 * which WebAssembly with threads has everywhere.
 */
import { chooseAdapter } from "../../engine/adapter.js";
import { createInstance } from "../../engine/dawn.js";

/** Puts `gpu` where browsers have it, with the adapter that ours would take. */
export function provideNavigator(): void {
  const gpu = createInstance([]);
  gpu.requestAdapter = () => chooseAdapter(process.env.FIRE_GPU_DEVICE);
  const known = (globalThis as { navigator?: object }).navigator;
  if (known) Object.defineProperty(known, "gpu", { value: gpu, configurable: true });
  else
    Object.defineProperty(globalThis, "navigator", {
      value: { gpu, userAgent: "Node", platform: "Linux", hardwareConcurrency: 2 },
      configurable: true,
    });
  setInterval(() => {}, 50);
  acceptSharedMemory();
}

function acceptSharedMemory(): void {
  const { prototype } = GPUQueue;
  const original = prototype.writeBuffer;
  prototype.writeBuffer = function (buffer, offset, data, dataOffset = 0, size) {
    const view = data as ArrayBufferView<ArrayBuffer> | SharedArrayBuffer | ArrayBuffer;
    const memory = ArrayBuffer.isView(view) ? view.buffer : view;
    if (!(memory instanceof SharedArrayBuffer)) return original.call(this, buffer, offset, data, dataOffset, size);
    // offsets count elements of a typed array, and bytes of a buffer or DataView
    const unit = ArrayBuffer.isView(view) && "BYTES_PER_ELEMENT" in view ? Number(view.BYTES_PER_ELEMENT) : 1;
    const start = (ArrayBuffer.isView(view) ? view.byteOffset : 0) + dataOffset * unit;
    const bytes = size === undefined ? view.byteLength - dataOffset * unit : size * unit;
    original.call(this, buffer, offset, new Uint8Array(memory, start, bytes).slice());
  };
}
