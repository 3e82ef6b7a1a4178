/** @file Training on a device. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { GpuBackend } from "../../asmk/gpu/backend.js";
import { f32Tensor, toFloat32 } from "../../base/tensor.js";
import { FireNetwork } from "../../nets/fire.js";
import { HowNetwork } from "../../nets/how.js";
import { runtimeOf } from "../../nets/params.js";
import { State } from "../../nets/state.js";
import { fireTrainer } from "../../nets/train/fire-trainer.js";
import { howTrainer } from "../../nets/train/how-trainer.js";
import { untrainedHow } from "../../nets/untrained.js";
import { InferenceStore } from "../../nets/weight-store.js";
import { openCheckpoint } from "../../nets/weights/checkpoint.js";
import { startState } from "../../nets/weights/start.js";
import { type DeviceChoice, deviceName, openChosen } from "../open-model.js";
import type { Workbench } from "./workbench.js";

/** Named in messages about weights that do not fit. */
const SOURCE = "training";

/** Opens the device of a choice, or else of `gpu_id`. @throws DeviceError */
export async function openWorkbench(choice: DeviceChoice, gpuId: number | null): Promise<Workbench> {
  const device = await openChosen(choice, gpuId);
  const backend = new GpuBackend(device);
  return {
    device: deviceName(device),
    backend,
    async start({ kind, net, seed, runtime }, file, photos, stop = () => {}) {
      if (file !== null) return startState(kind, net, openCheckpoint(file), seed);
      const start = startState(kind, net, null, seed);
      // a signal is heard when the loop polls, which it does between its timers and its immediates
      await sleep(1);
      await nextTurn();
      stop();
      if (photos.length === 0) return start;
      const options = {
        architecture: net.architecture,
        skipLayer: net.skip_layer,
        smoothing: 1,
        seed,
        runtime: { ...runtimeOf({ ...net, runtime }), scales: [1], featuresNum: null },
        // Only its trunk is wanted.
        dim: 1,
        shrinkage: 1,
      };
      const { stateDict } = await untrainedHow(device, options, photos, stop);
      for (const [name, tensor] of stateDict)
        if (name.startsWith("features.") && tensor.dtype !== "I64")
          start.state.set(name, f32Tensor(tensor.shape, toFloat32(tensor)));
      return start;
    },
    unwhitened({ kind, net }, state) {
      const weights = new Map([...state].filter(([name]) => !name.startsWith("dim_reduction.")));
      const store = new InferenceStore(device, new State(weights, SOURCE));
      const bare = { ...net, dim_reduction: null };
      return kind === "fire" ? new FireNetwork(store, bare) : new HowNetwork(store, bare);
    },
    trainer({ net, loss, recompute }, state) {
      if (loss.kind === "how") return howTrainer(device, state, net, SOURCE, { margin: loss.margin, recompute });
      const { superfeature, attention } = loss;
      return fireTrainer(device, state, net, SOURCE, { superfeature, attention, recompute });
    },
    close() {
      backend.destroy();
      device.close();
    },
  };
}
