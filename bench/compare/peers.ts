/** @file The engines by name; each is loaded only in the process that runs it. */
import type { Peer } from "./peer.js";

export const OURS = "fire-gpu";

export const PEERS: Readonly<Record<string, { readonly throttled: boolean; readonly load: () => Promise<Peer> }>> = {
  // waits as throttled as the others': the engine's own way
  [OURS]: { throttled: false, load: async () => (await import("./ours.js")).ours },
  "tfjs-webgpu": { throttled: true, load: async () => (await import("./tfjs.js")).tfjs("webgpu") },
  "tfjs-wasm": { throttled: false, load: async () => (await import("./tfjs.js")).tfjs("wasm") },
  "ort-web-webgpu": { throttled: true, load: async () => (await import("./ort.js")).ort("web-webgpu") },
  "ort-web-wasm": { throttled: false, load: async () => (await import("./ort.js")).ort("web-wasm") },
  "ort-node": { throttled: false, load: async () => (await import("./ort.js")).ort("node") },
  "jax-webgpu": { throttled: true, load: async () => (await import("./jax.js")).jax },
  "plain-js": { throttled: false, load: async () => (await import("./plain.js")).plain },
};
