/** @file The choice of kernels: by capability, by timing, kept on disk; and the results, which must not depend on it. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import { deviceChoice } from "../../cli/options.js";
import type { Capabilities } from "../../engine/adapter.js";
import { createInstance } from "../../engine/dawn.js";
import { type Device, openDevice } from "../../engine/device.js";
import { run } from "../../engine/op.js";
import { workgroupTile } from "../../engine/ops/tiles.js";
import { specialise } from "../../engine/shader.js";
import {
  asChoices,
  CHOICE_NAMES,
  type Choices,
  candidatesOf,
  choicesByCapability,
} from "../../engine/tuning/choices.js";
import { keepTuning, readChoices, tuningFile } from "../../engine/tuning/kept.js";
import { differenceOf, type Measured, TOLERANCE, type Tuning, tune, winner } from "../../engine/tuning/measure.js";
import { decideChoices, openTuned } from "../../engine/tuning/open.js";
import { openChosen } from "../../tasks/open-model.js";
import { opCases, opOf } from "../support/op-cases.js";

const test = suite("tuning");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-tuning-"));
const device = await openDevice();
test.after(() => {
  device.close();
  rmSync(folder, { recursive: true });
});

/** Of a device that nobody has. */
function caps(software: boolean, subgroupSize: number, more: Partial<Capabilities> = {}): Capabilities {
  return { ...device.caps, name: "Some Adapter 3", driver: "driver 1.2.3", software, subgroupSize, ...more };
}
const gpu = caps(false, 32);
const measuredRow = (candidate: string, ms: number | null): Measured => {
  return { choice: "conv", candidate, ms, difference: 0, byCapability: false, chosen: false };
};
const tuning: Tuning = {
  choices: { conv: "registers", conv3x3: "direct" },
  measured: [measuredRow("registers", 1)],
  seconds: 0.5,
};
const fresh = () => mkdtempSync(join(folder, "cache-"));

test("without a measurement software drivers get tiles for their lanes and Winograd, GPUs a workgroup tile", () => {
  const chosen = (software: boolean, lanes: number) => Object.values(choicesByCapability(caps(software, lanes))).join();
  assert.is(chosen(true, 8), "texture,winograd");
  assert.is(chosen(true, 4), "subgroup16,winograd");
  assert.is(chosen(true, 16), "texture,winograd");
  assert.is(chosen(true, 0), "registers,direct");
  for (const lanes of [0, 4, 8, 16, 32]) assert.is(chosen(false, lanes), "workgroup,direct");
});

const big = { maxInvocations: 1024, maxWorkgroupStorage: 49152 };

test("candidates are what the device can run, with the choice by capability first", () => {
  const all = ["texture", "subgroup32", "subgroup16", "workgroup", "registers"];
  assert.equal(candidatesOf(caps(true, 8), "conv"), all);
  assert.equal(candidatesOf(caps(true, 4), "conv"), ["subgroup16", "workgroup", "registers"]);
  const onGpu = ["workgroup", "subgroup32", "subgroup16", "workgroup128", "registers"];
  assert.equal(candidatesOf(caps(false, 16, big), "conv"), onGpu);
  assert.equal(candidatesOf(caps(false, 32, big), "conv"), ["workgroup", "workgroup128", "registers"]);
  assert.equal(candidatesOf(caps(false, 32, { ...big, maxWorkgroupStorage: 16384 }), "conv"), [
    "workgroup",
    "registers",
  ]);
  assert.equal(candidatesOf(gpu, "conv3x3"), ["direct", "winograd"]);
  assert.equal(candidatesOf(caps(false, 8), "conv3x3"), ["direct", "winograd"]);
  assert.equal(asChoices(gpu, { conv: "registers", conv3x3: "direct", more: 1 }), tuning.choices);
  for (const bad of [null, 7, {}, { conv: "registers" }, { conv: "subgroup32", conv3x3: "direct" }])
    assert.is(asChoices(gpu, bad), undefined);
});

test("tiles of the workgroup kernel shrink with the output, and none is larger than the device chose", () => {
  const tile = (side: number, rows: number, columns: number, batches = 1) => {
    const { rows: BM, columns: BN } = workgroupTile(side, rows, columns, batches);
    return [BM, BN];
  };
  assert.equal(tile(128, 4096, 4096), [128, 128]);
  assert.equal(tile(128, 3072, 1024), [64, 128]);
  assert.equal(tile(128, 49152, 64), [128, 64]);
  assert.equal(tile(128, 12288, 128), [64, 64]);
  assert.equal(tile(128, 300, 64), [32, 32]);
  assert.equal(tile(128, 300, 64, 100), [64, 64], "products of a batch count together");
  assert.equal(tile(64, 4096, 4096), [64, 64]);
});

test("the workgroup kernel is valid WGSL in all its tiles", async () => {
  // no software driver compiles the large ones in less than minutes; Dawn's null backend checks their text
  const adapter = await createInstance(["backend=null"]).requestAdapter();
  const checker = await (adapter as GPUAdapter).requestDevice();
  for (const [rows, columns] of [
    [4096, 4096],
    [3072, 1024],
    [49152, 64],
    [12288, 128],
    [300, 64],
  ] as const)
    for (const PLAIN of [0, 1]) {
      const { shader, constants } = workgroupTile(128, rows, columns);
      const module = checker.createShaderModule({ code: specialise(shader, { ...constants, PLAIN }) });
      const { messages } = await module.getCompilationInfo();
      assert.equal(
        messages.filter((m) => m.type === "error").map((m) => m.message),
        [],
      );
    }
  checker.destroy();
});

test("a challenger must beat the choice by capability by more than five percent, in all rounds but one", () => {
  const steady = (ms: number) => [ms, ms, ms, ms, ms];
  assert.is(winner([steady(100)]), 0);
  assert.is(winner([steady(100), steady(96), steady(120)]), 0);
  assert.is(winner([steady(100), steady(94), steady(93)]), 2);
  assert.is(winner([steady(100), [50, 50, 50, 50, 400]]), 1);
  assert.is(winner([steady(100), [50, 50, 50, 101, 400]]), 0, "half the time in the median, but not steadily");
  assert.is(winner([steady(100), [50, 50, 50, 101, 400], steady(80)]), 2);
});

test("differences are relative to the largest value, and what is no number differs", () => {
  assert.is(differenceOf(Float32Array.of(1, -4), Float32Array.of(1, -4)), 0);
  assert.is(differenceOf(Float32Array.of(2, -4), Float32Array.of(1, -4)), 0.25);
  assert.is(differenceOf(Float32Array.of(Number.NaN), Float32Array.of(1)), Number.POSITIVE_INFINITY);
});

test("choices that were kept are read again, for the same adapter, driver and capabilities only", () => {
  const cache = fresh();
  assert.is(readChoices(gpu, fail, cache), undefined);
  const file = keepTuning(gpu, tuning, cache);
  assert.is(file, tuningFile(gpu, cache));
  assert.equal(readChoices(gpu, fail, cache), tuning.choices);
  assert.equal(JSON.parse(readFileSync(file, "utf8")).measured, tuning.measured);
  assert.is(readChoices({ ...gpu, driver: "driver 1.2.4" }, fail, cache), undefined);
  assert.is(readChoices({ ...gpu, name: "Some Adapter 4" }, fail, cache), undefined);
  assert.equal(readdirSync(join(cache, "tuning")).length, 1, "nothing temporary is left");
});

test("a file that is damaged, of another device, or of kernels there are not is ignored with one line", () => {
  const cache = fresh();
  const file = keepTuning(gpu, tuning, cache);
  const good = readFileSync(file, "utf8");
  const rejected = (content: string, reason: RegExp) => {
    writeFileSync(file, content);
    const lines: string[] = [];
    assert.is(
      readChoices(gpu, (l) => lines.push(l), cache),
      undefined,
    );
    assert.is(lines.length, 1);
    assert.match(lines[0], reason);
    assert.not.match(lines[0], /\n/);
  };
  rejected(good.slice(0, 60), /is not used: .*JSON/);
  rejected("null", /expected an object/);
  rejected(good.replace("driver 1.2.3", "driver 1.2.2"), /expected driver "driver 1\.2\.3"/);
  rejected(good.replace("Some Adapter", "Another"), /expected adapter "Some Adapter 3"/);
  rejected(good.replace('"registers"', '"subgroup32"'), /choices that this device does not have/);
  const { sha256: seal, ...kept } = JSON.parse(good);
  const other = { ...kept.choices, conv3x3: kept.choices.conv3x3 === "direct" ? "winograd" : "direct" };
  rejected(JSON.stringify({ ...kept, choices: other, sha256: seal }), /does not have its recorded sha256/);
  rejected(JSON.stringify({ ...kept, choices: other, sha257: seal }), /does not have its recorded sha256/);
  const lines: string[] = [];
  writeFileSync(file, JSON.stringify(kept));
  assert.equal(
    readChoices(gpu, (l) => lines.push(l), cache),
    tuning.choices,
  );
  assert.match(lines.join("\n"), /without a checksum; used unverified/);
  writeFileSync(file, good);
  assert.equal(readChoices(gpu, fail, cache), tuning.choices);
});

test("a GPU is timed at its first use, with one line, and never again; a damaged file is replaced", async () => {
  const cache = fresh();
  const lines: string[] = [];
  let timed = 0;
  const measure = async () => {
    timed++;
    return tuning;
  };
  const decide = () => decideChoices(gpu, measure, { news: (l) => lines.push(l), folder: cache });
  assert.equal(await decide(), tuning.choices);
  assert.equal(lines, [`choosing kernels for Some Adapter 3: 0.5 s, kept in ${tuningFile(gpu, cache)}`]);
  assert.equal(await decide(), tuning.choices);
  assert.is(timed, 1);
  assert.is(lines.length, 1);
  writeFileSync(tuningFile(gpu, cache), "{");
  assert.equal(await decide(), tuning.choices);
  assert.is(timed, 2);
  assert.is(lines.length, 3, "why the file is not used, and what was chosen");
  assert.equal(readChoices(gpu, fail, cache), tuning.choices);
});

test("--no-tune neither times nor reads; software drivers are not timed, but use what was kept", async () => {
  const cache = fresh();
  for (const c of [gpu, caps(true, 8)]) {
    assert.equal(
      await decideChoices(c, neverTimed, { tune: false, news: fail, folder: cache }),
      choicesByCapability(c),
    );
    keepTuning(c, tuning, cache);
    assert.equal(
      await decideChoices(c, neverTimed, { tune: false, news: fail, folder: cache }),
      choicesByCapability(c),
    );
    assert.equal(await decideChoices(c, neverTimed, { news: fail, folder: cache }), tuning.choices);
  }
  const other = caps(true, 4, { name: "never timed" });
  assert.equal(await decideChoices(other, neverTimed, { news: fail, folder: cache }), choicesByCapability(other));
});

test("a timing that fails, or a folder that cannot be written, does not end the work", async () => {
  const lines: string[] = [];
  const news = (l: string) => lines.push(l);
  const broken = () => Promise.reject(new Error("no such kernel"));
  assert.equal(await decideChoices(gpu, broken, { news, folder: fresh() }), choicesByCapability(gpu));
  const blocked = join(folder, "a-file");
  writeFileSync(blocked, "");
  assert.equal(await decideChoices(gpu, async () => tuning, { news, folder: blocked }), tuning.choices);
  assert.match(lines.join("\n"), /^.* failed, those by capability are used: no such kernel\n.* for this run only: .*$/);
});

test("every convolution gives the same with each candidate that this device can run", async () => {
  const own = await openDevice();
  let compared = 0;
  for (const c of opCases.filter((c) => c.op === "conv2d")) {
    let wanted: Float32Array | undefined;
    for (const name of CHOICE_NAMES)
      for (const candidate of candidatesOf(own.caps, name)) {
        own.choose({ ...choicesByCapability(own.caps), conv3x3: "direct", [name]: candidate });
        const got = await forward(own, c);
        wanted ??= got;
        const difference = differenceOf(got, wanted);
        assert.ok(difference <= TOLERANCE, `${c.title} with ${candidate} differs by ${difference}`);
        compared++;
      }
  }
  own.close();
  assert.ok(compared >= 30, `${compared} runs`);
});

async function forward(own: Device, c: (typeof opCases)[number]): Promise<Float32Array> {
  const tensors = c.inputs().map((i) => own.upload(Float32Array.from(i.data), i.shape));
  const output = run(own, opOf(c), tensors, c.attrs);
  const data = await own.readF32(output);
  for (const t of [...tensors, output]) t.free();
  return data;
}

test("timing finds a valid choice for each question, and leaves nothing on the device", async () => {
  const own = await openDevice();
  const { choices, measured, seconds } = await tune(own, { mini: true });
  assert.equal(asChoices(own.caps, choices), choices);
  assert.equal(own.choices, choices);
  assert.ok(seconds > 0);
  for (const name of CHOICE_NAMES) {
    const rows = measured.filter((r) => r.choice === name);
    assert.equal(
      rows.map((r) => r.candidate),
      candidatesOf(own.caps, name),
    );
    assert.equal(
      rows.filter((r) => r.chosen).map((r) => r.candidate),
      [choices[name]],
    );
    assert.is(rows.filter((r) => r.byCapability).length, 1);
    for (const r of rows) {
      assert.is(r.rejected, undefined, r.candidate);
      assert.ok(rows.length === 1 ? r.ms === null : r.ms! > 0, r.candidate);
    }
  }
  // registers add in an order of their own: were the candidates not really used, it would not show
  assert.ok(measured.some((r) => r.difference > 0));
  assert.is(own.liveBytes, 0);
  assert.is(own.heldBytes, 0);
  own.close();
});

test("a candidate whose results differ is not timed and says so; one that gives no numbers has no rival to trust", async () => {
  const own = await openDevice();
  const read = own.readF32.bind(own);
  let spoil = (data: Float32Array) => {
    if (own.choices.conv === "registers") data[5] += 0.1;
  };
  own.readF32 = async (tensor) => {
    const data = await read(tensor);
    spoil(data);
    return data;
  };
  const { choices, measured } = await tune(own, { mini: true });
  const row = measured.find((r) => r.candidate === "registers")!;
  assert.match(row.rejected!, /^differs by more than/);
  assert.ok(row.difference > TOLERANCE);
  assert.is(row.ms, null);
  assert.is.not(choices.conv, "registers");
  assert.equal(
    measured.filter((r) => r.rejected),
    [row],
  );
  spoil = (data) => {
    data[5] = Number.NaN;
  };
  await tune(own, { mini: true }).then(
    () => assert.unreachable(),
    (e) => assert.match(e.message, /no numbers/),
  );
  assert.is(own.liveBytes, 0);
  own.close();
});

test("a device takes only choices that it can run, and keeps them once it has a plan", async () => {
  const own = await openDevice();
  own.choose({ conv: "registers", conv3x3: "direct" });
  const absurd = { conv: "subgroup", conv3x3: "direct" } as unknown as Choices;
  assert.throws(() => own.choose(absurd), /expected some that .* runs, got subgroup,direct/);
  own.plan((input) => [input([4], "f32")]).dispose();
  assert.throws(() => own.choose(choicesByCapability(own.caps)), /before the first plan/);
  assert.equal(own.choices, { conv: "registers", conv3x3: "direct" });
  own.close();
});

test("a device for work has the choices that are kept for it, with --no-tune those by capability", async () => {
  const cache = fresh();
  const byCapability = choicesByCapability(device.caps);
  keepTuning(device.caps, tuning, cache);
  const opened = [
    await openTuned({ folder: cache }),
    await openTuned({ folder: cache, tune: false }),
    await openChosen(deviceChoice({ tune: false }, { note: fail, warn: fail }), 0),
  ];
  assert.equal(
    opened.map((d) => d.choices),
    [tuning.choices, byCapability, byCapability],
  );
  for (const d of opened) d.close();
});

test("fire-gpu tune prints what it measured, refuses what it does not know, and devices shows what is kept", () => {
  const cache = fresh();
  const cli = (...args: string[]) => {
    const env = { ...process.env, DEBUG: "", FIRE_GPU_CACHE: cache };
    const program = join(packageRoot(), "dist/cli/main.js");
    return spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env });
  };
  const help = cli("tune", "--help");
  assert.is(help.status, 0);
  assert.match(help.stdout, /fire-gpu tune +the device/);
  for (const [status, args, message] of [
    [2, ["tune", "--mode", "x"], /unknown option '--mode'/],
    [2, ["tune", "all"], /too many arguments/],
    [2, ["eval", "eval_fire", "--no-tun"], /did you mean --no-tune\?/i],
    [2, ["tune", "--device", "no such adapter"], /no device matches/],
  ] as const) {
    const result = cli(...args);
    assert.is(result.status, status, args.join(" "));
    assert.match(result.stderr, message);
    assert.is(result.stdout, "");
  }
  const { status, stdout, stderr } = cli("tune", "--mini", "--json");
  assert.is(status, 0, stderr);
  const report = JSON.parse(stdout);
  assert.equal(asChoices(device.caps, report.choices), report.choices);
  assert.is(report.file, null);
  assert.not.ok(existsSync(join(cache, "tuning")));
  const shown = () =>
    JSON.parse(cli("devices", "--json").stdout).find((d: { name: string }) => d.name === device.caps.name);
  assert.equal([shown().choices, shown().timed], [choicesByCapability(device.caps), false]);
  keepTuning(device.caps, tuning, cache);
  assert.equal([shown().choices, shown().timed], [tuning.choices, true]);
});

function fail(line: string): never {
  throw new Error(`unexpected news: ${line}`);
}

function neverTimed(): Promise<Tuning> {
  throw new Error("nothing was to be timed");
}

test.run();
