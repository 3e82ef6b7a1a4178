/** @file The engines by name; each is loaded only in the process that runs it. */
import type { Peer } from "./peer.js";

export const OURS = "fire-gpu";

export const PEERS: Readonly<Record<string, { readonly gpu: boolean; readonly load: () => Promise<Peer> }>> = {
  [OURS]: { gpu: true, load: async () => (await import("./ours.js")).ours },
  "tfjs-webgpu": { gpu: true, load: async () => (await import("./tfjs.js")).tfjs("webgpu") },
  "tfjs-wasm": { gpu: false, load: async () => (await import("./tfjs.js")).tfjs("wasm") },
  "ort-web-webgpu": { gpu: true, load: async () => (await import("./ort.js")).ort("web-webgpu") },
  "ort-web-wasm": { gpu: false, load: async () => (await import("./ort.js")).ort("web-wasm") },
  "ort-node": { gpu: false, load: async () => (await import("./ort.js")).ort("node") },
  "jax-webgpu": { gpu: true, load: async () => (await import("./jax.js")).jax },
  "plain-js": { gpu: false, load: async () => (await import("./plain.js")).plain },
};
