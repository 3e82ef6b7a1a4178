/** @file Where caches lie, whatever the environment says, and which folders are this user's alone. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { isAbsolute, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  cacheFolder,
  cacheRemark,
  dropRelativeFolders,
  executableCache,
  privateFolder,
} from "../../base/cache-folder.js";
import { hasPrivateParents, isPrivateFile, isPrivateFolder } from "../../base/private-folder.js";
import { settingsFor } from "../../engine/mesa.js";

const test = suite("cache-folder");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-cache-"));
test.after(() => rmSync(folder, { recursive: true }));
const posix = process.platform !== "win32" ? test : test.skip;

/** The default of this machine: of no variable. */
const usual = cacheFolder({});

test("absolute folders count, the package's own variable first", () => {
  assert.is(cacheFolder({ FIRE_GPU_CACHE: "/own", XDG_CACHE_HOME: folder }), "/own");
  assert.is(cacheFolder({ XDG_CACHE_HOME: folder }), join(folder, "fire-gpu"));
});

test("empty and relative values are as if they were not set, and one line says so for the package's own", () => {
  for (const value of ["", ".", "x", "./x", "../x", "~/x", " /x"]) {
    assert.is(cacheFolder({ FIRE_GPU_CACHE: value, XDG_CACHE_HOME: value }), usual, value);
    assert.is(cacheFolder({ FIRE_GPU_CACHE: value, XDG_CACHE_HOME: folder }), join(folder, "fire-gpu"), value);
    assert.match(cacheRemark({ FIRE_GPU_CACHE: value })!, /^FIRE_GPU_CACHE=".*" is ignored: expected an absolute path/);
  }
  assert.is(cacheRemark({}), undefined);
  assert.is(cacheRemark({ FIRE_GPU_CACHE: "/own" }), undefined);
});

/** The cache folder with HOME as given: the system's functions read the environment of the process. */
function withHome(home: string, use: () => void): void {
  const before = process.env.HOME;
  process.env.HOME = home;
  try {
    use();
  } finally {
    if (before === undefined) delete process.env.HOME;
    else process.env.HOME = before;
  }
}

posix("an empty or relative home gives way to the one of the system's list of users", () => {
  for (const home of ["", ".", "x"])
    withHome(home, () => {
      assert.ok(isAbsolute(cacheFolder({})));
      assert.is(homedir(), home, "what the system's function makes of it");
      const listed = userInfo().homedir;
      if (isAbsolute(listed)) assert.ok([join(listed, ".cache/fire-gpu"), privateFolder()].includes(cacheFolder({})));
    });
});

posix("where no home can hold a cache it is a private folder, the same one throughout the process", () => {
  writeFileSync(join(folder, "file"), "");
  assert.is(statSync(privateFolder()).mode & 0o777, 0o700);
  assert.is(privateFolder(), privateFolder());
  const listed = userInfo().homedir;
  withHome(join(folder, "file"), () => {
    const fallback = cacheFolder({ XDG_CACHE_HOME: join(folder, "file/x") });
    assert.ok([join(listed, ".cache/fire-gpu"), privateFolder()].includes(fallback), fallback);
  });
});

posix("what is executed lies where nobody else can write, links followed", () => {
  const own = join(folder, "own");
  const open = join(folder, "open");
  for (const f of [own, open]) mkdirSync(f);
  chmodSync(own, 0o700);
  chmodSync(open, 0o777);
  mkdirSync(join(open, "below"), { mode: 0o700 });
  symlinkSync(open, join(folder, "link"));
  writeFileSync(join(own, "a"), "", { mode: 0o600 });
  writeFileSync(join(own, "b"), "");
  chmodSync(join(own, "b"), 0o666);
  symlinkSync(join(own, "a"), join(own, "c"));
  assert.ok(isPrivateFolder(own));
  for (const name of ["open", "open/below", "link", "link/below", "missing"])
    assert.not.ok(isPrivateFolder(join(folder, name)), name);
  assert.ok(hasPrivateParents(join(own, "to/be/made")));
  for (const name of ["open/to/be/made", "link/to/be/made"]) assert.not.ok(hasPrivateParents(join(folder, name)), name);
  assert.equal(
    ["a", "b", "c", "d"].map((f) => isPrivateFile(join(own, f))),
    [true, false, false, false],
  );
  assert.is(executableCache({ FIRE_GPU_CACHE: own }), own);
  assert.is(executableCache({ FIRE_GPU_CACHE: join(open, "below") }), privateFolder());
});

posix("drivers do not see variables that would lead them to the current folder", () => {
  const env = {
    HOME: "",
    XDG_CACHE_HOME: ".",
    XDG_CONFIG_HOME: "/etc/xdg",
    XDG_DATA_HOME: "x",
    XDG_DATA_DIRS: ":/usr/share:x",
    XDG_CONFIG_DIRS: "x",
    MESA_SHADER_CACHE_DIR: "cache",
    OTHER: "",
  };
  dropRelativeFolders(env);
  assert.equal(env, { XDG_CONFIG_HOME: "/etc/xdg", XDG_DATA_DIRS: "/usr/share", OTHER: "" } as unknown as typeof env);
  const settings = settingsFor({ LP_NATIVE_VECTOR_WIDTH: "512", MESA_SHADER_CACHE_DIR: "x" }, new Set(), "/caches");
  assert.is(settings.MESA_SHADER_CACHE_DIR, "/caches/mesa-512");
});

test.run();
