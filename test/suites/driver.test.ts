/** @file The software driver that the package brings: found when there is no other, unpacked once, never trusted damaged. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import { unpackDriver } from "../../engine/software-driver.js";
import { demoCheckpoint } from "../../tasks/demo/demo.js";

const test = suite("driver");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-driver-"));
test.after(() => rmSync(folder, { recursive: true }));
const packed = join(packageRoot(), "node_modules/@sparticuz/chromium/bin/swiftshader.tar.br");
const missing =
  process.platform !== "linux" || process.arch !== "x64"
    ? "the packed driver is for Linux on x86-64"
    : existsSync(packed)
      ? undefined
      : "the optional package @sparticuz/chromium is not installed";
if (missing) console.log(`driver: skipped, ${missing}`);
const onDriver = missing ? test.skip : test;

const DRIVER = "libvk_swiftshader.so";
const LOADER = "libvulkan.so.1";
/** What the package's version of package.json holds. */
const SUMS = {
  [LOADER]: "fe17a77c1f2df38d3b6a935140f746fd80aac564bb44eb3e4f6b75a504295a41",
  [DRIVER]: "5b9e8591c7c2d1c9618c3ad485d0cdffb81f5f1ffd6a982fdb6578c2d8d3213e",
};

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs node on a machine whose Vulkan drivers cannot be found, with a cache of its own. */
function hidden(cache: string, args: string[], env: NodeJS.ProcessEnv = {}, cwd = folder): Promise<Ended> {
  const nowhere = join(folder, "no-such-driver.json");
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      ...{ VK_DRIVER_FILES: nowhere, VK_ICD_FILENAMES: nowhere, VK_ADD_DRIVER_FILES: "" },
      ...{ FIRE_GPU_DEVICE: "", FIRE_GPU_CACHE: cache },
      ...env,
    },
  });
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    text.stderr += chunk;
  });
  return new Promise((done) => child.on("close", (status) => done({ status, ...text })));
}

/** Opens a device, computes with it, and prints its name. */
const OPEN = `
  const { openDevice } = await import(${JSON.stringify(join(packageRoot(), "dist/engine/device.js"))});
  const device = await openDevice();
  const data = await device.readF32(device.upload(Float32Array.from([1, 2, 3, 4]), [4]));
  console.log(JSON.stringify({ name: device.caps.name, software: device.caps.software, data: [...data] }));
  device.close();`;

async function open(cache: string): Promise<{ name: string; software: boolean; data: number[] }> {
  const { status, stdout, stderr } = await hidden(cache, ["--input-type=module", "-e", OPEN]);
  assert.is(status, 0, stderr);
  return JSON.parse(stdout);
}

function unpackedFolder(cache: string): string {
  const names = readdirSync(join(cache, "swiftshader"));
  assert.is(names.length, 1, `nothing temporary is left: ${names}`);
  return join(cache, "swiftshader", names[0]);
}

/** Unpacks in this process, whose cache is another for the moment. */
function unpackInto(cache: string): string {
  const before = process.env.FIRE_GPU_CACHE;
  process.env.FIRE_GPU_CACHE = cache;
  try {
    return unpackDriver(packed);
  } finally {
    if (before === undefined) delete process.env.FIRE_GPU_CACHE;
    else process.env.FIRE_GPU_CACHE = before;
  }
}

const hash = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
const shared = join(folder, "cache");

onDriver("without any Vulkan driver the package's own is unpacked and computes; the engine says nothing", async () => {
  const { name, software, data } = await open(shared);
  assert.match(name, /swiftshader/i);
  assert.ok(software);
  assert.equal(data, [1, 2, 3, 4]);
  const names = readdirSync(unpackedFolder(shared)).sort();
  assert.equal(names, ["icd.json", DRIVER, LOADER].sort());
});

onDriver("an intact copy is used as it is", () => {
  const inode = () => lstatSync(join(unpackedFolder(shared), DRIVER)).ino;
  const before = inode();
  unpackInto(shared);
  assert.is(inode(), before);
});

onDriver("a command that falls back says so in one line on stderr", async () => {
  const image = join(folder, "photo.png");
  await sharp({ create: { width: 40, height: 30, channels: 3, background: "#7a5" } })
    .png()
    .toFile(image);
  const program = join(packageRoot(), "dist/cli/main.js");
  const args = ["extract", image, "--model", demoCheckpoint(), "--out", "features.safetensors"];
  const { status, stdout, stderr } = await hidden(shared, [program, ...args]);
  assert.is(status, 0, stderr);
  assert.match(stdout, /^features\.safetensors: \d+ descriptors of 128 values from 1 images\n$/);
  const told = stderr.split("\n").filter((line) => /software/.test(line));
  assert.is(told.length, 1, stderr);
  assert.match(told[0], /^computing in software on swiftshader\S*, many times slower than on a GPU/i);
});

/** Each kind of damage, done to a fresh copy of an unpacked driver. */
const damages: [string, (unpacked: string) => void][] = [
  [
    "a flipped byte in the driver",
    (unpacked) => {
      const bytes = readFileSync(join(unpacked, DRIVER));
      bytes[bytes.length >> 1] ^= 1;
      writeFileSync(join(unpacked, DRIVER), bytes);
    },
  ],
  ["a loader cut short", (unpacked) => truncateSync(join(unpacked, LOADER), 1000)],
  ["a manifest of another driver", (unpacked) => writeFileSync(join(unpacked, "icd.json"), "{}")],
  ["a driver that is missing", (unpacked) => rmSync(join(unpacked, DRIVER))],
  [
    "a planted loader with checksums of its own beside it",
    (unpacked) => {
      writeFileSync(join(unpacked, LOADER), "no library");
      const sums = [LOADER, DRIVER, "icd.json"].map((name) => [name, hash(join(unpacked, name))]);
      writeFileSync(join(unpacked, "sha256.json"), JSON.stringify(Object.fromEntries(sums)));
    },
  ],
  ["a folder that the group can write to", (unpacked) => chmodSync(unpacked, 0o770)],
  ["a library that everybody can write to", (unpacked) => chmodSync(join(unpacked, DRIVER), 0o777)],
  [
    "a folder that is a link to another place",
    (unpacked) => {
      const elsewhere = join(folder, "elsewhere");
      renameSync(unpacked, elsewhere);
      symlinkSync(elsewhere, unpacked);
    },
  ],
  [
    "a library that is a link to another place",
    (unpacked) => {
      renameSync(join(unpacked, LOADER), join(folder, "loader"));
      symlinkSync(join(folder, "loader"), join(unpacked, LOADER));
    },
  ],
];

for (const [title, damage] of damages) {
  onDriver(`${title} is noticed, and the copy replaced`, () => {
    const before = lstatSync(unpackedFolder(shared)).ino;
    damage(unpackedFolder(shared));
    assert.is(unpackInto(shared), unpackedFolder(shared));
    assert.is.not(lstatSync(unpackedFolder(shared)).ino, before);
    assert.ok(lstatSync(unpackedFolder(shared)).isDirectory());
    assert.is(lstatSync(unpackedFolder(shared)).mode & 0o777, 0o700);
    for (const [name, sum] of Object.entries(SUMS)) {
      assert.ok(lstatSync(join(unpackedFolder(shared), name)).isFile());
      assert.is(hash(join(unpackedFolder(shared), name)), sum, name);
    }
    assert.match(readFileSync(join(unpackedFolder(shared), "icd.json"), "utf8"), /library_path/);
    assert.not.ok(existsSync(join(unpackedFolder(shared), "sha256.json")));
  });
}

onDriver(
  "a cache that others can write to is left alone: the driver goes to a private folder that ends with the process",
  async () => {
    const cache = join(folder, "everybodys");
    mkdirSync(cache);
    chmodSync(cache, 0o777);
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    const { status, stdout, stderr } = await hidden(cache, ["--input-type=module", "-e", OPEN], { TMPDIR: temporary });
    assert.is(status, 0, stderr);
    assert.match(JSON.parse(stdout).name, /swiftshader/i);
    assert.equal(readdirSync(cache), []);
    assert.equal(readdirSync(temporary), [], "removed when the process ended");
  },
);

onDriver("empty and relative names of folders do not make the driver come from the current folder", async () => {
  const home = mkdtempSync(join(tmpdir(), "fire-gpu-home-"));
  try {
    const id = basename(unpackedFolder(shared));
    const planted = ["swiftshader", "fire-gpu/swiftshader", ".cache/fire-gpu/swiftshader"].map((f) =>
      join(home, f, id),
    );
    for (const place of planted) {
      mkdirSync(place, { recursive: true });
      for (const name of [LOADER, DRIVER, "icd.json"]) writeFileSync(join(place, name), "planted");
    }
    for (const value of ["", "."]) {
      const env = { HOME: value, XDG_CACHE_HOME: value, FIRE_GPU_CACHE: value, TMPDIR: join(folder, "tmp") };
      const { status, stdout, stderr } = await hidden(value, ["--input-type=module", "-e", OPEN], env, home);
      assert.is(status, 0, stderr);
      assert.match(JSON.parse(stdout).name, /swiftshader/i);
    }
    // what the current folder held would have been repaired had it been looked at
    for (const place of planted) assert.is(readFileSync(join(place, DRIVER), "utf8"), "planted");
  } finally {
    rmSync(home, { recursive: true });
  }
});

onDriver("processes that unpack at the same time do not disturb each other", async () => {
  const cache = join(folder, "race");
  const found = await Promise.all([open(cache), open(cache), open(cache)]);
  for (const { data } of found) assert.equal(data, [1, 2, 3, 4]);
  unpackedFolder(cache);
});

onDriver("a cache that cannot be written ends with exit code 5 and says how to choose another", async () => {
  const cache = join(folder, "a-file");
  mkdirSync(folder, { recursive: true });
  writeFileSync(cache, "");
  const program = join(packageRoot(), "dist/cli/main.js");
  const args = ["extract", folder, "--model", demoCheckpoint(), "--out", "x.safetensors"];
  const { status, stderr } = await hidden(cache, [program, ...args]);
  assert.is(status, 5, stderr);
  assert.match(stderr, /^fire-gpu: engine: no Vulkan.*a-file \(\$FIRE_GPU_CACHE\)/m);
});

onDriver("--device software takes the package's driver though there may be others", async () => {
  const { status, stdout, stderr } = await hidden(shared, ["--input-type=module", "-e", OPEN], {
    ...{ FIRE_GPU_DEVICE: "software", VK_DRIVER_FILES: undefined, VK_ICD_FILENAMES: undefined },
  });
  assert.is(status, 0, stderr);
  assert.match(JSON.parse(stdout).name, /swiftshader/i);
});

test.run();
