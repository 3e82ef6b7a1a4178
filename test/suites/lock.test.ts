/** @file The lock of a folder: one holder at a time, and none that is gone. */
import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../base/errors.js";
import { lockFolder } from "../../tasks/evaluate/lock.js";

const test = suite("lock");
const root = mkdtempSync(join(tmpdir(), "fire-gpu-lock-"));
test.after(() => rmSync(root, { recursive: true }));

/** Turns of each racer: where two can hold one lock, they meet within the first hundreds. */
const TURNS = 150;

if (process.argv[2] === "racer") await race(process.argv[3]);
else if (process.argv[2] === "holder") hold(process.argv[3]);

/** Takes and leaves the folder as fast as it can; the folder `inside` tells whether anyone else is in. */
async function race(folder: string): Promise<never> {
  process.send?.("ready");
  await new Promise((go) => process.once("message", go));
  let doubles = 0;
  for (let turns = 0; turns < TURNS; ) {
    let unlock: () => void;
    try {
      unlock = lockFolder(folder);
    } catch (error) {
      if ((error as UsageError).code !== "Locked") throw error;
      continue;
    }
    turns++;
    try {
      mkdirSync(join(folder, "inside"));
      rmSync(join(folder, "inside"), { recursive: true });
    } catch {
      doubles++;
    }
    unlock();
  }
  await new Promise((sent) => process.send?.(doubles, sent));
  process.exit(0);
}

function hold(folder: string): void {
  lockFolder(folder);
  process.send?.("held");
  setInterval(() => {}, 1000);
}

const children: ChildProcess[] = [];
test.after(() => {
  for (const child of children) child.kill("SIGKILL");
});
function start(...args: string[]): ChildProcess {
  const child = fork(fileURLToPath(import.meta.url), args);
  children.push(child);
  return child;
}
const message = <T>(child: ChildProcess) => new Promise<T>((done) => child.once("message", (m) => done(m as T)));
const ended = (child: ChildProcess) => new Promise<void>((done) => child.once("exit", () => done()));
const isLocked = (pattern: RegExp) => (e: unknown) =>
  e instanceof UsageError && e.code === "Locked" && pattern.test(e.message);

test("never do two processes hold one folder, however fast they come and go", async () => {
  const folder = join(root, "race");
  const racers = Array.from({ length: 3 }, () => start("racer", folder));
  await Promise.all(racers.map(message));
  const results = racers.map((r) => message<number>(r));
  for (const racer of racers) racer.send("go");
  const doubles = (await Promise.all(results)).reduce((n, d) => n + d, 0);
  assert.is(doubles, 0, `${doubles} of ${racers.length * TURNS} turns met another holder`);
});

test("a second taker is told who holds the folder and what to do, in one process too", async () => {
  const folder = join(root, "held");
  const holder = start("holder", folder);
  await message(holder);
  const words = `in use by process ${holder.pid} on .* since 20.*If there is no such run any more, delete .*lock$`;
  assert.throws(() => lockFolder(folder), isLocked(process.platform === "win32" ? /in use by/ : new RegExp(words)));
  const gone = ended(holder);
  holder.kill("SIGKILL");
  await gone;
  // what was killed holds nothing, though its file is there
  assert.ok(existsSync(join(folder, "lock")));
  const unlock = lockFolder(folder);
  assert.throws(() => lockFolder(folder), isLocked(new RegExp(`process ${process.pid} `)));
  unlock();
  assert.not.ok(existsSync(join(folder, "lock")));
  lockFolder(folder)();
});

test("a killed container that comes back with the same process number and host name gets its folder", () => {
  for (const left of [`${process.pid} ${hostname()}`, `1 ${hostname()}`, "", "\0\x1b[31m nonsense".repeat(1000)]) {
    const folder = mkdtempSync(join(root, "left-"));
    writeFileSync(join(folder, "lock"), left);
    const unlock = lockFolder(folder);
    assert.match(readFileSync(join(folder, "lock"), "utf8"), new RegExp(`^${process.pid} `));
    unlock();
  }
});

test("whoever deletes the file lets another in, and the first does not take that one's lock away", () => {
  const folder = join(root, "deleted");
  const first = lockFolder(folder);
  rmSync(join(folder, "lock"));
  const second = lockFolder(folder);
  first();
  first();
  assert.throws(() => lockFolder(folder), isLocked(/in use by/));
  second();
});

test("without locks of the system, making a file is the lock, and a killed run's has to be deleted", () => {
  const folder = join(root, "weak");
  // The package is hidden from a process of its own.
  const script = `
    import Module from "node:module";
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (name, ...rest) => { if (name === "fs-native-extensions") throw new Error("hidden"); return resolve(name, ...rest); };
    const { lockFolder } = await import(${JSON.stringify(new URL("../../tasks/evaluate/lock.js", import.meta.url).href)});
    const folder = ${JSON.stringify(folder)};
    lockFolder(folder)();
    lockFolder(folder);
    try { lockFolder(folder); } catch (e) { console.log(e.code, e.message); }
    process.kill(process.pid, "SIGKILL");`;
  const run = () => spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  const words = /^Locked .*in use by process \d+ on .* delete .*lock\.held\n$/;
  assert.match(run().stdout, words);
  const again = run();
  assert.match(again.stderr, /in use by process \d+/);
  rmSync(join(folder, "lock.held"));
  assert.match(run().stdout, words);
});

if (process.argv.length === 2) test.run();
