/** @file LIT over maps of several sizes at once, as multi-scale extraction does it, against each map alone. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDevice } from "../../engine/device.js";
import { Inference } from "../../engine/exec.js";
import { Lit } from "../../nets/lit.js";
import { parseNetParams } from "../../nets/params.js";
import { State } from "../../nets/state.js";
import { InferenceStore } from "../../nets/weight-store.js";
import { generateValues } from "../../nets/weights/generator.js";
import { initialState } from "../../nets/weights/initial.js";

const test = suite("lit");
const device = await openDevice();
const N = 8;
const dim = 16;

for (const [about, exec] of [
  ["templates that can be bound apart", new Inference(device)],
  [
    "templates that begin where no binding may",
    new Inference(Object.create(device, { canBindAt: { value: () => false } })),
  ],
] as const)
  test(`maps of several sizes share the rounds, ${about}`, async () => {
    const fire = { architecture: "resnet18", skip_layer: 3, lit: { T: 3, N, dim } };
    const params = parseNetParams(fire, "test");
    const store = new InferenceStore(device, new State(initialState("fire", params, 3), "test"));
    const lit = new Lit(store.below("lit."), params.lit!, 64);
    const rows = [35, 6, 100].map((L, i) =>
      device.upload(generateValues(1, `map ${i}`, L * 64, 1, 0), [L, 64], "locations"),
    );
    const together = device.scope(() =>
      lit.superFeatures(
        exec,
        rows.map((r) => lit.read(exec, r)),
      ),
    );
    const alone = rows.map((r) => device.scope(() => lit.forward(exec, lit.read(exec, r)))).map((r) => r.superFeatures);
    const got = await device.readF32(together);
    const wanted = (await device.read(...alone)) as Float32Array[];
    assert.is(got.length, 3 * N * dim);
    for (const [i, w] of wanted.entries())
      for (const [j, v] of w.entries()) assert.ok(Math.abs(got[i * N * dim + j] - v) < 1e-5, `map ${i}, value ${j}`);
    for (const t of [...rows, together]) t.free();
    store.free();
  });

test("rows of a tensor are the same memory, and have no forms of their own", async () => {
  const all = device.upload(
    Float32Array.from({ length: 4 * 64 }, (_, i) => i),
    [4, 64],
    "all",
  );
  const part = all.rows(2, 1);
  assert.equal(part.shape, [1, 64]);
  assert.equal(
    [...(await device.readF32(part))],
    Array.from({ length: 64 }, (_, i) => 128 + i),
  );
  assert.equal((await device.readF32(part.view([64, 1]).rows(3, 2)))[0], 131);
  device.write(part, Float32Array.of(7));
  assert.is((await device.readF32(all))[128], 7);
  assert.throws(() => part.forms, /expected a whole tensor/);
  assert.throws(() => part.view([64]).forms, /expected a whole tensor/);
  assert.throws(() => all.rows(3, 2), /expected some of 4/);
  all.free();
});

test.after(() => device.close());
test.run();
