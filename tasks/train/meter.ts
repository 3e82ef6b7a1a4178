/** @file Running averages of one epoch, and the line in which the reference prints them (spec: fire.md §5.9). */
import type { TupleLoss } from "../../nets/train/trainer.js";

/** Sums so far: plain data, part of the state that a killed training continues from. */
export interface EpochSums {
  readonly tuples: number;
  readonly steps: number;
  /** Of the total loss, and of its terms by name. */
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  /** Seconds of steps, and of waiting for images in them. */
  readonly stepSeconds: number;
  readonly dataSeconds: number;
}

export const noSums: EpochSums = { tuples: 0, steps: 0, loss: 0, terms: {}, stepSeconds: 0, dataSeconds: 0 };

/** What the last step added: the losses of its last tuple, and its times. */
export interface StepReport {
  readonly last: TupleLoss;
  readonly stepSeconds: number;
  readonly dataSeconds: number;
}

/** Adds one tuple. */
export function addTuple(sums: EpochSums, { total, terms }: TupleLoss): EpochSums {
  const added = Object.entries(terms).map(([name, v]) => [name, (sums.terms[name] ?? 0) + v] as const);
  return { ...sums, tuples: sums.tuples + 1, loss: sums.loss + total, terms: Object.fromEntries(added) };
}

/** Adds the times of one step. */
export function addStep(sums: EpochSums, stepSeconds: number, dataSeconds: number): EpochSums {
  return {
    ...sums,
    steps: sums.steps + 1,
    stepSeconds: sums.stepSeconds + stepSeconds,
    dataSeconds: sums.dataSeconds + dataSeconds,
  };
}

/** Mean total loss of the epoch's tuples. */
export function meanLoss({ loss, tuples }: EpochSums): number {
  return loss / tuples;
}

/** Names of the terms in the reference's lines; HOW's only term is the loss itself. */
const TITLES: Readonly<Record<string, string>> = { superfeature: "LossSuper", attention: "LossAttn" };

/** `>> Train: [epoch][i/total]`, then value and average of times and losses, separated by tabs. */
export function trainLine(epoch: number, total: number, sums: EpochSums, { last, ...times }: StepReport): string {
  const { steps, tuples } = sums;
  const seconds = (title: string, value: number, sum: number) =>
    `${title} ${value.toFixed(3)} (${(sum / steps).toFixed(3)})`;
  const loss = (title: string, value: number, sum: number) =>
    `${title} ${value.toFixed(4)} (${(sum / tuples).toFixed(4)})`;
  const terms = Object.entries(last.terms).filter(([name]) => name in TITLES);
  return [
    `>> Train: [${epoch}][${steps}/${total}]`,
    seconds("Time", times.stepSeconds, sums.stepSeconds),
    seconds("Data", times.dataSeconds, sums.dataSeconds),
    loss("Loss", last.total, sums.loss),
    ...terms.map(([name, value]) => loss(TITLES[name], value, sums.terms[name])),
  ].join("\t");
}

/** The reference prints iteration 1, every 20th and the last. */
export function isPrinted(step: number, total: number): boolean {
  return step === 1 || step % 20 === 0 || step === total;
}
