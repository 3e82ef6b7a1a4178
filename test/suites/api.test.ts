/** @file The package by its own name: a tiny extraction, and the example of docs/api.md as a user would run it. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  demoCheckpoint,
  FileFormatError,
  FireGpuError,
  loadNetwork,
  openDevice,
  type RgbImage,
  scoreRevisited,
} from "fire-gpu";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";

const test = suite("api");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-api-"));
test.after(() => rmSync(folder, { recursive: true }));

test("the package's name leads to the compiled api with its types", () => {
  const { exports } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8"));
  for (const file of Object.values<string>(exports["."])) assert.ok(existsSync(join(packageRoot(), file)), file);
});

test("a network from the package describes an image", async () => {
  const device = await openDevice();
  try {
    const network = loadNetwork(device, demoCheckpoint());
    const image: RgbImage = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3).map((_, i) => (i * 37) % 251) };
    const { count, dim, descriptors, strengths } = await network.extractLocal(image, { scales: [1], featuresNum: 10 });
    assert.equal([count, dim, descriptors.length], [10, network.outputDim, 10 * network.outputDim]);
    assert.ok(descriptors.every(Number.isFinite));
    assert.ok(
      strengths.every((v, i) => v > 0 && (i === 0 || v <= strengths[i - 1])),
      "the strongest first",
    );
    network.destroy();
    assert.is(device.liveBytes, 0);
  } finally {
    device.close();
  }
});

test("errors are of exported classes", async () => {
  const junk = join(folder, "junk.pth");
  writeFileSync(junk, "no checkpoint");
  const device = await openDevice();
  try {
    loadNetwork(device, junk);
    assert.unreachable();
  } catch (e) {
    assert.instance(e, FileFormatError);
    assert.instance(e, FireGpuError);
    assert.is((e as FileFormatError).exitCode, 3);
  } finally {
    device.close();
  }
});

test("metrics need no device", () => {
  const score = scoreRevisited([Int32Array.from([1, 0, 2])], [{ easy: [1], hard: [2], junk: [] }]);
  assert.is(score.protocol === "revisited" && score.levels.easy.map, 1);
});

test("the example of docs/api.md runs as it stands, outside of the package, and ranks", () => {
  const code = /```js\n([\s\S]*?)```/.exec(readFileSync(join(packageRoot(), "docs/api.md"), "utf8"))?.[1];
  assert.ok(code);
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(packageRoot(), join(folder, "node_modules/fire-gpu"), "junction");
  writeFileSync(join(folder, "example.mjs"), code);
  const output = execFileSync(process.execPath, ["example.mjs"], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { ids, scores } = JSON.parse(output);
  // which comes first is the network's affair
  assert.equal([...ids].sort(), [0, 1]);
  assert.ok(scores[0] >= scores[1] && scores[1] > 0);
});

test.run();
