/** @file Trunks by name, in torchvision's weights: those that are no ResNet (nets/resnet.ts). */
import type { WeightStore } from "../weight-store.js";
import { MobileNetV2 } from "./mobilenet.js";
import { PLAIN_NAMES, PlainTrunk } from "./plain.js";
import type { Trunk } from "./trunk.js";

const MOBILENET = "mobilenet_v2";

/** Names of `openTrunk`. */
export const TRUNK_NAMES: readonly string[] = [MOBILENET, ...PLAIN_NAMES];

/** @param store weights below `features.` @throws UsageError for a name that is not of TRUNK_NAMES */
export function openTrunk(store: WeightStore, architecture: string): Trunk {
  return architecture === MOBILENET ? new MobileNetV2(store) : new PlainTrunk(store, architecture);
}
