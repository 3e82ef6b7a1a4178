/** @file From an open checkpoint to a network on a device. */
import { FileFormatError, UsageError } from "../base/errors.js";
import { Device } from "../engine/device.js";
import type { ScaleNetwork } from "./extraction.js";
import { FireNetwork } from "./fire.js";
import { HowNetwork } from "./how.js";
import type { RetrievalNetwork } from "./network.js";
import { parseNetParams } from "./params.js";
import { State } from "./state.js";
import { InferenceStore } from "./weight-store.js";
import { type Checkpoint, openCheckpoint, severalNetworks } from "./weights/checkpoint.js";

/**
 * Builds the FIRe or HOW network of a checkpoint (a path, or one already open) with its weights on the device.
 * @throws FileFormatError when the file is not such a checkpoint, with the list of what does not fit
 */
export function loadNetwork(device: Device, checkpoint: string | Checkpoint): RetrievalNetwork & ScaleNetwork {
  if (!(device instanceof Device))
    throw new UsageError("Argument", "loadNetwork: device — expected what openDevice() gives, then the checkpoint");
  const isCheckpoint = typeof checkpoint === "object" && checkpoint !== null && "stateDict" in checkpoint;
  if (typeof checkpoint !== "string" && !isCheckpoint)
    throw new UsageError("Argument", "loadNetwork: checkpoint — expected a path, or what openCheckpoint() gives");
  const opened = typeof checkpoint === "string" ? openCheckpoint(checkpoint) : checkpoint;
  const { file, kind, netParams, stateDict } = opened;
  if (kind !== "fire" && kind !== "how")
    throw new FileFormatError(
      "NotACheckpoint",
      file,
      `expected a FIRe or HOW checkpoint, got ${describe(kind)}${severalNetworks(opened)}; \`fire-gpu inspect\` shows what it holds`,
    );
  if (!netParams)
    throw new FileFormatError(
      "NotACheckpoint",
      file,
      "it has weights but no net_params, so the network is unknown (a pre-training file is a start for training only)",
    );
  const params = parseNetParams(netParams, file);
  const state = new State(stateDict, file);
  const store = new InferenceStore(device, state);
  try {
    const network = kind === "fire" ? new FireNetwork(store, params) : new HowNetwork(store, params);
    state.finish();
    return network;
  } catch (e) {
    // a constructor that refuses its parameters has uploaded the weights before them
    store.free();
    throw e;
  }
}

function describe(kind: Checkpoint["kind"]): string {
  if (kind === "solar" || kind === "cirtorch") return `a ${kind} network`;
  return kind === "trunk" ? "a bare trunk" : "other content";
}
