/** @file The packed package in an empty folder: strict TypeScript compiles against it without DOM or WebGPU types of its own. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
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
    `import { demoCheckpoint, ImageError, loadNetwork, openDevice, type RetrievalNetwork } from "fire-gpu";
const network: RetrievalNetwork = loadNetwork(await openDevice({ select: "software" }), demoCheckpoint());
const descriptor: Float32Array = await network.extractGlobal({ width: 8, height: 8, data: new Uint8Array(192) }, [1]);
console.log(descriptor.length, ImageError.name);
`,
  );
  const options = "--noEmit --strict --skipLibCheck false --target es2022 --lib es2023";
  for (const resolution of ["--module nodenext", "--module esnext --moduleResolution bundler"]) {
    const args = [join(modules, "typescript/bin/tsc"), ...`${options} ${resolution}`.split(" "), "main.ts"];
    const { stdout, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    assert.is(status, 0, `${resolution}: ${stdout}`);
  }
});

test.run();
