/**
 * @file LIT against its floor: the same products as plain GEMM calls, with right operands that are packed already and
 * nothing in between. What LIT takes beyond that are its norms, softmax, sums and packing.
 */
import type { Device } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { pad4, run } from "../../engine/op.js";
import { matmul } from "../../engine/ops/conv2d.js";
import { packPanels, rightMatrix } from "../../engine/ops/pack.js";
import type { Tensor } from "../../engine/tensor.js";
import { Lit } from "../../nets/lit.js";
import { trunkChannels } from "../../nets/resnet.js";
import { generateValues } from "../../nets/weights/generator.js";
import { benchStore, NETWORKS, total } from "./nets.js";
import type { BenchCase } from "./timing.js";

/** LIT itself, and its GEMM floor. @param network whose LIT, a FIRe network of nets.ts */
export function litCases(device: Device, network: string, locations: number): [lit: BenchCase, floor: BenchCase] {
  const { params } = NETWORKS[network];
  const { T, N, dim: D } = params.lit!;
  const channels = trunkChannels({ architecture: params.architecture, skipLayer: params.skip_layer });
  const size = `N=${N} T=${T} L=${locations}`;
  const store = benchStore(device, network);
  const lit = new Lit(store.below("lit."), params.lit!, channels);
  const exec = new Inference(device);
  const map = device.keep(
    device.upload(generateValues(1, "map", locations * channels, 1, 0), [locations, channels], "map"),
  );
  const forward = () => {
    device.scope(() => {
      lit.forward(exec, lit.read(exec, map));
      return undefined;
    });
  };
  const plan = device.plan(() => {
    forward();
    return [];
  });
  const cost = total(plan.steps);
  plan.dispose();

  // every product of a run: rows × inner · inner × columns, how often
  const L4 = pad4(locations);
  const products = [
    { m: locations, k: channels, n: D, times: 2 }, // keys, values
    { m: N, k: D, n: D, times: T }, // queries
    { m: N, k: D, n: L4, times: T }, // logits
    { m: N, k: L4, n: D, times: T }, // updates
    { m: N, k: D, n: D / 2, times: T },
    { m: N, k: D / 2, n: D, times: T },
  ].map((p) => ({ ...p, left: filled(device, p.m, p.k), right: packedRight(device, p.k, p.n) }));
  return [
    {
      section: "lit",
      name: `LIT ${size}`,
      cost,
      record: forward,
      finish: () => device.finish(),
      close() {
        map.free();
        store.free();
      },
    },
    {
      section: "lit",
      name: `its products alone ${size}`,
      cost: {
        flops: products.reduce((sum, { m, n, k, times }) => sum + times * 2 * m * n * k, 0),
        bytes: products.reduce((sum, { m, n, k, times }) => sum + times * 4 * (m * k + k * n + m * n), 0),
      },
      record() {
        for (const { left, right, n, times } of products)
          for (let t = 0; t < times; t++) matmul(exec, left, right, n).free();
      },
      finish: () => device.finish(),
      close() {
        for (const { left, right } of products) for (const t of [left, right]) t.free();
      },
    },
  ];
}

function filled(device: Device, rows: number, columns: number): Tensor {
  return device.keep(device.upload(generateValues(1, "left", rows * columns, 1, 0), [rows, columns]));
}

function packedRight(device: Device, k: number, n: number): Tensor {
  const raw = filled(device, k, n);
  const packed = device.keep(run(device, packPanels, [raw], rightMatrix(k, n)));
  raw.free();
  return packed;
}
