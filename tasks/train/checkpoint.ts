/** @file The checkpoints of a training: keys and values as the reference writes them (spec: fire.md §3), read by torch. */
import type { HostTensor } from "../../base/tensor.js";
import type { PyInput } from "../../formats/pickle-write.js";
import { PyDict, PyFloat, PyGlobal, PyTuple, type PyValue } from "../../formats/python.js";
import { writeTorch } from "../../formats/torch-write.js";
import type { OptimiserState, ParameterInfo, Trainer } from "../../nets/train/trainer.js";
import type { Decision, History, Series } from "./history.js";
import { groupRates, rateAt, type TrainSettings } from "./settings.js";

/** Everything a checkpoint says. */
export interface CheckpointContent {
  readonly settings: TrainSettings;
  readonly epoch: number;
  readonly state: ReadonlyMap<string, HostTensor>;
  readonly parameters: readonly ParameterInfo[];
  readonly optimiser: OptimiserState;
  readonly history: History;
  readonly best: Decision | null;
}

/** Reads back what the trainer holds. */
export async function checkpointContent(
  trainer: Trainer,
  rest: Pick<CheckpointContent, "settings" | "epoch" | "history" | "best">,
): Promise<CheckpointContent> {
  const [state, optimiser] = [await trainer.stateDict(), await trainer.optimiserState()];
  return { ...rest, state, parameters: trainer.parameters, optimiser };
}

/** Writes the file, whole or not at all. */
export function writeCheckpoint(file: string, content: CheckpointContent): void {
  const { settings, epoch, state, history, best } = content;
  const model = settings.params.model;
  const scores = PyDict.of([
    ["train_loss", pairs(history.trainLoss)],
    ["local_descriptor", methodScores(history.local)],
    ["global_descriptor", methodScores(history.global)],
    ...(settings.kind === "how"
      ? ([
          ["avg_neg_dist", pairs(history.negativeDistance)],
          ["epoch_durations", pairs(history.seconds)],
        ] as const)
      : []),
  ]);
  writeTorch(file, {
    epoch,
    meta: metaOf(settings, state),
    state_dict: PyDict.of([...state] as unknown as [string, PyValue][], "OrderedDict"),
    optimizer: optimizerDict(content),
    // Off-the-shelf networks (epochs: 0) carry the scheduler as well.
    ...(epoch === 0 ? { scheduler: schedulerDict(settings, epoch) } : {}),
    best_score: best ? new PyFloat(best.value) : null,
    scores,
    net_params: floats(model) as PyInput,
    _version: settings.kind === "fire" ? "fire/2021" : "how/2020",
  });
}

function metaOf({ kind, net }: TrainSettings, state: ReadonlyMap<string, HostTensor>): PyInput {
  const [outputDim, inputDim] = state.get("dim_reduction.weight")?.shape ?? [];
  return {
    architecture: net.architecture,
    backbone_dim: kind === "fire" ? (net.lit?.dim ?? inputDim) : inputDim,
    outputdim: outputDim,
    corercf_size: 32 >> net.skip_layer,
  };
}

/** torch's Adam: `state` by number of the parameter, numbered through the groups. */
function optimizerDict({ settings, epoch, state, parameters, optimiser }: CheckpointContent): PyInput {
  const order = [...state.keys()];
  const groups =
    settings.kind === "fire"
      ? ["features", "attention", "lit", "dim_reduction"]
      : ["features", "attention", "smoothing", "dim_reduction"];
  const now = groupRates(rateAt(settings, epoch + 1));
  const first = groupRates(settings.rate);
  const sorted = parameters.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const numbered: ParameterInfo[] = [];
  const decay = settings.optimiser.weightDecay;
  const paramGroups = groups.map((group) => {
    const members = sorted.filter((p) => p.group === group);
    const numbers = members.map((p) => numbered.push(p) - 1);
    const rate = (rates: Readonly<Record<string, number>>) => new PyFloat(rates[group] ?? rates.features);
    return PyDict.of([
      ["lr", rate(now)],
      ["betas", new PyTuple([new PyFloat(0.9), new PyFloat(0.999)])],
      ["eps", new PyFloat(1e-8)],
      ["weight_decay", new PyFloat(decay)],
      ["amsgrad", false],
      ["initial_lr", rate(first)],
      ["params", numbers],
    ]);
  });
  const moments = numbered.flatMap((p, i): [number, PyInput][] => {
    const held = optimiser.moments.get(p.name);
    if (!held) return [];
    const tensors = Object.entries(held).map(([key, data]) => [key, { dtype: "F32", shape: p.shape, data }] as const);
    return [[i, { step: optimiser.step, ...Object.fromEntries(tensors) }]];
  });
  return { state: new Map(moments), param_groups: paramGroups };
}

function schedulerDict(settings: TrainSettings, epoch: number): PyInput {
  const rates = (rate: number) => [rate, rate, rate, 0].map((r) => new PyFloat(r));
  return {
    gamma: new PyFloat(settings.gamma),
    base_lrs: rates(settings.rate),
    last_epoch: epoch,
    _step_count: epoch + 1,
    _last_lr: rates(rateAt(settings, epoch + 1)),
  };
}

/** The reference keeps its scores in defaultdicts of lists. */
function methodScores(series: Readonly<Record<string, Series>>): PyDict {
  const dict = new PyDict("defaultdict", new PyGlobal("builtins.list"));
  for (const [dataset, values] of Object.entries(series)) dict.set(dataset, pairs(values));
  return dict;
}

function pairs(series: Series): PyTuple[] {
  return series.map(([epoch, value]) => new PyTuple([epoch, new PyFloat(value)]));
}

/** Keys whose numbers are floats in the reference even where they are whole. */
const FLOATS = new Set(["scales", "mean_std"]);

function floats(value: unknown, inside = false): unknown {
  if (typeof value === "number") return inside ? new PyFloat(value) : value;
  if (Array.isArray(value)) return value.map((v) => floats(v, inside));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, floats(v, inside || FLOATS.has(key))]));
}
