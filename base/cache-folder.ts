/**
 * @file Where this user's caches lie: what was tuned, the unpacked driver, compiled shaders. Variables that name folders count
 * only when they are absolute, as the XDG rule has it: an empty or relative one would mean the current folder, and what
 * anybody left there would be loaded into the process.
 */
import { mkdtempSync, rmSync, type Stats, statSync } from "node:fs";
import { homedir, tmpdir, userInfo } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { hasPrivateParents } from "./private-folder.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The value of a variable that names a folder, or undefined where it is unset, empty or relative. */
export function absoluteFolder(value: string | undefined): string | undefined {
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/**
 * Per-user cache folder: $FIRE_GPU_CACHE, else $XDG_CACHE_HOME/fire-gpu, else ~/.cache/fire-gpu; where there is no home that
 * could hold it, a private folder that goes with the process. It need not exist.
 */
export function cacheFolder(env: Environment = process.env): string {
  const own = absoluteFolder(env.FIRE_GPU_CACHE);
  if (own) return own;
  const caches = [absoluteFolder(env.XDG_CACHE_HOME), ...homes().map((home) => join(home, ".cache"))];
  const folders = caches.filter((c) => c !== undefined).map((c) => join(c, "fire-gpu"));
  return folders.find(isUsable) ?? privateFolder();
}

/** The same for what the process executes: where others could plant something in that folder, a private one. */
export function executableCache(env: Environment = process.env): string {
  const folder = cacheFolder(env);
  return hasPrivateParents(folder) ? folder : privateFolder();
}

/** One line when $FIRE_GPU_CACHE is set to something that does not count. */
export function cacheRemark(env: Environment = process.env): string | undefined {
  const value = env.FIRE_GPU_CACHE;
  if (value === undefined || absoluteFolder(value)) return undefined;
  return `FIRE_GPU_CACHE=${JSON.stringify(value)} is ignored: expected an absolute path; caches are in ${cacheFolder(env)}`;
}

let temporary: string | undefined;

/** A folder of this process that nobody else can enter, removed when it ends. */
export function privateFolder(): string {
  if (temporary) return temporary;
  const parent = absoluteFolder(tmpdir()) ?? "/tmp";
  try {
    temporary = mkdtempSync(join(parent, "fire-gpu-"));
    const made = temporary;
    process.once("exit", () => rmSync(made, { recursive: true, force: true }));
  } catch {
    // Nothing can be kept anywhere: whoever writes there says so, with this name.
    temporary = join(parent, `fire-gpu-${process.pid}`);
  }
  return temporary;
}

/** Variables of which drivers make paths without asking whether they are absolute, and lists of folders. */
const FOLDERS = [
  "HOME",
  "XDG_CACHE_HOME",
  "XDG_CONFIG_HOME",
  "XDG_DATA_HOME",
  "MESA_SHADER_CACHE_DIR",
  "MESA_GLSL_CACHE_DIR",
];
const LISTS = ["XDG_CONFIG_DIRS", "XDG_DATA_DIRS"];

/**
 * Unsets variables that name no absolute folder. The Vulkan loader reads driver lists below them, and Mesa compiled code,
 * which for an empty or relative value would be files of the current folder. To be called before a driver is loaded.
 */
export function dropRelativeFolders(env: NodeJS.ProcessEnv = process.env): void {
  for (const name of FOLDERS) if (env[name] !== undefined && !absoluteFolder(env[name])) delete env[name];
  if (process.platform === "win32") return;
  for (const name of LISTS) {
    const given = env[name]?.split(":");
    if (!given || given.every((f) => isAbsolute(f))) continue;
    const kept = given.filter((f) => isAbsolute(f));
    if (kept.length) env[name] = kept.join(":");
    else delete env[name];
  }
}

/** Absolute home folders: of the environment, then of the system's list of users. */
function homes(): string[] {
  const found = [attempt(homedir), attempt(() => userInfo().homedir)];
  return [...new Set(found.filter((home) => home !== undefined && isAbsolute(home)))] as string[];
}

/** Whether a folder is there, or could be made by this user. */
function isUsable(folder: string): boolean {
  if (stateOf(folder)) return true;
  for (let at = dirname(folder); ; at = dirname(at)) {
    const state = stateOf(at);
    if (state) return state.isDirectory() && isWritable(state);
    if (at === dirname(at)) return false;
  }
}

/** By owner and mode: access(2) would call everything writable for root, read-only systems included. */
function isWritable({ uid, gid, mode }: Stats): boolean {
  const me = process.getuid?.();
  if (me === undefined || me === 0) return true;
  if (uid === me) return (mode & 0o300) === 0o300;
  if (process.getgroups?.().includes(gid)) return (mode & 0o030) === 0o030;
  return (mode & 0o003) === 0o003;
}

function stateOf(path: string): Stats | undefined {
  return attempt(() => statSync(path, { throwIfNoEntry: false }));
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
