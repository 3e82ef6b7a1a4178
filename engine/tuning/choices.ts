/**
 * @file Which kernel does the work where several can. One row a choice: its candidates, which of them a device can run, and
 * which is taken by capability alone. Candidates differ in speed and in the last bits, never in what they compute.
 * measure.ts times them, kept.ts remembers what won.
 */
import type { Capabilities } from "../adapter.js";

/** One candidate of each choice: what a device works with. */
export interface Choices {
  /** Tile of convolutions and matrix products (engine/ops/conv2d.ts). */
  readonly conv: "texture" | "subgroup32" | "subgroup16" | "workgroup128" | "workgroup" | "registers";
  /** Way of 3×3 convolutions of stride 1 that have enough channels (engine/ops/winograd.ts). */
  readonly conv3x3: "winograd" | "direct";
}

export type ChoiceName = keyof Choices;

interface Rule<C extends string> {
  readonly runs: Readonly<Record<C, (caps: Capabilities) => boolean>>;
  readonly byCapability: (caps: Capabilities) => C;
}

const always = () => true;
const lanes = (...counts: number[]) => {
  return ({ subgroupSize }: Capabilities) => counts.includes(subgroupSize);
};

const RULES: { readonly [K in ChoiceName]: Rule<Choices[K]> } = {
  conv: {
    // four lanes of 32 rows would own 16 columns, half a panel of the weights
    runs: {
      // Mesa's driver, whose loads from textures are cheap (engine/sheet.ts); they gain nothing on SwiftShader
      texture: (caps) => caps.software && lanes(8, 16)(caps),
      subgroup32: lanes(8, 16),
      subgroup16: lanes(4, 8, 16),
      // 128 sums in the registers of each invocation: devices that have fewer registers are slower with them
      workgroup128: (caps) => !caps.software && caps.maxInvocations >= 128 && caps.maxWorkgroupStorage >= 16640,
      workgroup: always,
      registers: always,
    },
    byCapability(caps) {
      if (!caps.software) return "workgroup";
      if (RULES.conv.runs.texture(caps)) return "texture";
      return RULES.conv.runs.subgroup32(caps) ? "subgroup32" : lanes(4)(caps) ? "subgroup16" : "registers";
    },
  },
  conv3x3: {
    runs: { winograd: (caps) => !caps.software || lanes(4, 8, 16)(caps), direct: always },
    byCapability: (caps) => (caps.software && RULES.conv3x3.runs.winograd(caps) ? "winograd" : "direct"),
  },
};

/** In the order in which they are decided: a later one is timed with the earlier ones as they came out. */
export const CHOICE_NAMES = Object.keys(RULES) as ChoiceName[];

/** What is chosen without any measurement. */
export function choicesByCapability(caps: Capabilities): Choices {
  return { conv: RULES.conv.byCapability(caps), conv3x3: RULES.conv3x3.byCapability(caps) };
}

/** The candidates of a choice that a device can run; what is chosen by capability comes first. */
export function candidatesOf<K extends ChoiceName>(caps: Capabilities, name: K): Choices[K][] {
  const { runs, byCapability }: Rule<Choices[K]> = RULES[name];
  const first = byCapability(caps);
  return [first, ...(Object.keys(runs) as Choices[K][]).filter((c) => c !== first && runs[c](caps))];
}

/** The value as choices that this device can run, else undefined: for what comes from a file. */
export function asChoices(caps: Capabilities, value: unknown): Choices | undefined {
  const given = (value ?? {}) as Record<string, unknown>;
  const fits = CHOICE_NAMES.every((name) => (candidatesOf(caps, name) as unknown[]).includes(given[name]));
  return fits ? (Object.fromEntries(CHOICE_NAMES.map((name) => [name, given[name]])) as unknown as Choices) : undefined;
}
