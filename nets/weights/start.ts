/** @file What a training begins from: a published start, a bare trunk such as torchvision's, or nothing. */
import { FileFormatError } from "../../base/errors.js";
import { f32Tensor, type HostTensor, toFloat32 } from "../../base/tensor.js";
import type { NetParams } from "../params.js";
import { architectureTensors } from "./architecture.js";
import { type Checkpoint, severalNetworks } from "./checkpoint.js";
import { initialState } from "./initial.js";
import { checkStateDict, pretrainingTolerance } from "./state-dict.js";

export interface StartState {
  /** Complete, in the reference's order, float32. */
  readonly state: Map<string, HostTensor>;
  /** Parts that no file gave: "lit", "dim_reduction", "features". */
  readonly initialised: readonly string[];
}

/**
 * Weights of the checkpoint where it has them, initial ones elsewhere. Of a FIRe or HOW file only the whitening may be
 * missing and only a classifier may be left over; a bare trunk lacks LIT, and its later stages are left out.
 * @throws FileFormatError when the file does not fit, with the list of what does not
 */
export function startState(
  kind: "fire" | "how",
  params: NetParams,
  checkpoint: Checkpoint | null,
  seed: number,
): StartState {
  const state = initialState(kind, params, seed);
  if (!checkpoint) return { state, initialised: partsOf(state.keys()) };
  const { kind: holds, file } = checkpoint;
  if (holds !== "fire" && holds !== "how" && holds !== "trunk")
    throw new FileFormatError(
      "NotACheckpoint",
      file,
      `expected a FIRe or HOW checkpoint, or a ResNet trunk to begin from${severalNetworks(checkpoint)}`,
    );
  const specs = architectureTensors(kind, params);
  const isTrunk = (name: string) => name.startsWith("features.");
  const bare = holds !== kind;
  // Of another kind of network only the trunk is taken: its whitening is of other features.
  const found = new Map(
    [...checkpoint.stateDict]
      .map(([name, t]) => [positional(name), t] as const)
      .filter(([name]) => !bare || isTrunk(name)),
  );
  const shapes = new Map([...specs].map(([name, { shape }]) => [name, shape]));
  checkStateDict(found, shapes, file, {
    mayMiss: (name) =>
      name.endsWith(".num_batches_tracked") ||
      pretrainingTolerance.mayMiss?.(name) === true ||
      (bare && !isTrunk(name)),
    mayExceed: (name) => pretrainingTolerance.mayExceed?.(name) === true || bare,
  });
  const missing = [...specs.keys()].filter((name) => !found.has(name) && !name.endsWith(".num_batches_tracked"));
  for (const [name, { role }] of specs) {
    const tensor = found.get(name);
    if (tensor) state.set(name, role === "counter" ? tensor : f32Tensor(tensor.shape, toFloat32(tensor)));
  }
  return { state, initialised: partsOf(missing) };
}

/** First part of each name, once. */
function partsOf(names: Iterable<string>): string[] {
  return [...new Set([...names].map((name) => name.split(".")[0]))];
}

const STEM = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"];

/** `layer1.0.conv1.weight`, or `4.0.conv1.weight` of a bare sequential trunk, as `features.4.0.conv1.weight`. */
function positional(name: string): string {
  const [head, ...rest] = name.split(".");
  const at = /^\d+$/.test(head) ? Number(head) : STEM.indexOf(head);
  return at < 0 ? name : ["features", at, ...rest].join(".");
}
