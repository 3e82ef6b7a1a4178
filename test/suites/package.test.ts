/** @file The packed package in an empty folder: strict TypeScript compiles against it without DOM or WebGPU types of its own. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";

const test = suite("package");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-package-"));
test.after(() => rmSync(folder, { recursive: true }));
const own = join(folder, "node_modules", "fire-gpu");

test("the package holds the files that its README links, and no source maps", () => {
  const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
  const name = execFileSync("npm", pack, { cwd: packageRoot(), encoding: "utf8" }).trim().split("\n").at(-1)!;
  mkdirSync(own, { recursive: true });
  execFileSync("tar", ["xzf", join(folder, name), "-C", own, "--strip-components=1"]);
  const links = [...readFileSync(join(own, "README.md"), "utf8").matchAll(/\]\(([^):#]+)[^)]*\)/g)]
    .map((m) => m[1])
    .filter((link) => link !== "https");
  for (const link of links) assert.ok(existsSync(join(own, link)), `${link} is linked and not packed`);
  const files = readdirSync(own, { recursive: true, encoding: "utf8" });
  assert.equal(
    files.filter((f) => f.endsWith(".map")),
    [],
  );
});

test("a strict program compiles against it, in both resolutions and with libraries checked", () => {
  const modules = join(packageRoot(), "node_modules");
  for (const name of readdirSync(modules))
    if (name !== "fire-gpu") symlinkSync(join(modules, name), join(dirname(own), name));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(folder, "main.ts"),
    `import { demoCheckpoint, MissingDataError, loadNetwork, openDevice, type RetrievalNetwork } from "fire-gpu";
const network: RetrievalNetwork = loadNetwork(await openDevice({ select: "software" }), demoCheckpoint());
const descriptor: Float32Array = await network.extractGlobal({ width: 8, height: 8, data: new Uint8Array(192) }, [1]);
console.log(descriptor.length, MissingDataError.name);
`,
  );
  const options = "--noEmit --strict --skipLibCheck false --target es2022 --lib es2023";
  for (const resolution of ["--module nodenext", "--module esnext --moduleResolution bundler"]) {
    const args = [join(modules, "typescript/bin/tsc"), ...`${options} ${resolution}`.split(" "), "main.ts"];
    const { stdout, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    assert.is(status, 0, `${resolution}: ${stdout}`);
  }
});

test("a bundle runs with the package beside it, and says what it lacks without", () => {
  writeFileSync(
    join(folder, "bundled.ts"),
    `import { MissingDataError, demoCheckpoint, listImages, loadImages, loadNetwork, openDevice, renderLandmarks } from "fire-gpu";
try {
  await renderLandmarks({ out: "set", landmarks: 1, views: 1, queriesPerLandmark: 0, distractors: 0, size: 96 });
  const network = loadNetwork(await openDevice({ select: "software" }), demoCheckpoint());
  for await (const { image, error } of loadImages(listImages("set/images").map((n) => ({ path: "set/images/" + n })), { imageSize: 32 })) {
    if (error) throw error;
    console.log((await network.extractGlobal(image, [1])).length, "values");
  }
} catch (error) {
  console.log(error instanceof MissingDataError, (error as Error).message);
}
process.exit();
`,
  );
  // what holds native code or files of its own stays outside
  const outside = ["webgpu", "sharp", "fs-native-extensions"];
  buildSync({
    absWorkingDir: folder,
    entryPoints: ["bundled.ts"],
    outfile: "out/app.mjs",
    bundle: true,
    platform: "node",
    format: "esm",
    external: outside,
    banner: {
      js: "import { createRequire as bundleRequire } from 'node:module'; const require = bundleRequire(import.meta.url);",
    },
    logLevel: "error",
  });
  const run = () => spawnSync(process.execPath, ["out/app.mjs"], { cwd: folder, encoding: "utf8", timeout: 120_000 });
  assert.match(run().stdout, /^128 values$/m);
  renameSync(own, join(folder, "elsewhere"));
  const { stdout } = run();
  renameSync(join(folder, "elsewhere"), own);
  assert.match(stdout, /^true fire-gpu: its kernels and threads are files of the package.*keep fire-gpu installed/m);
});

test.run();
