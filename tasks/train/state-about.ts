/** @file The text of a training state: where the training is, and what it has measured. Checked before any of it is used. */
import { z } from "zod";

/** Raised when an older program could not continue from a state, or this one not from an older state. */
export const STATE_FORMAT = 1;

const count = z.int().min(0);
/** A number; null is how JSON keeps one that is none. */
const measured = z.number().nullable();
const series = z.array(z.tuple([count, z.number()]));
const byName = z.record(z.string(), series);

const about = z.strictObject({
  format: z.literal(STATE_FORMAT),
  settings: z.record(z.string(), z.unknown()),
  epoch: count,
  phase: z.enum(["mine", "train", "validate"]),
  step: count,
  sums: z.strictObject({
    tuples: count,
    steps: count,
    loss: z.number(),
    terms: z.record(z.string(), z.number()),
    stepSeconds: z.number(),
    dataSeconds: z.number(),
  }),
  history: z.strictObject({
    trainLoss: series,
    negativeDistance: series,
    seconds: series,
    local: byName,
    global: byName,
  }),
  seconds: z.number(),
  negativeDistance: measured,
});

export type StateAbout = z.infer<typeof about>;

/**
 * @param malformed makes the error from what is wrong
 * @throws what `malformed` makes
 */
export function parseAbout(text: unknown, malformed: (what: string, cause?: unknown) => Error): StateAbout {
  if (typeof text !== "string") throw malformed("no about");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed("about is not JSON", cause);
  }
  const format = (value as { format?: unknown } | null)?.format;
  if (format !== STATE_FORMAT) throw malformed(`format ${JSON.stringify(format)}, expected ${STATE_FORMAT}`);
  const parsed = about.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw malformed(`about: ${path.join(".")}: ${message}`);
}
