/**
 * @file The Vulkan driver that fire-gpu brings where the machine has none: SwiftShader from `@sparticuz/chromium`
 * (bin/swiftshader.tar.br), unpacked once into a folder of this user alone and compared with what the package holds, then
 * loaded into this process.
 */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { executableCache, privateFolder } from "../base/cache-folder.js";
import { makeFolder } from "../base/folders.js";
import { sha256 } from "../base/hash.js";
import { packageRoot } from "../base/paths.js";
import { isPrivateFile, isPrivateFolder } from "../base/private-folder.js";

const LOADER = "libvulkan.so.1";
const DRIVER = "libvk_swiftshader.so";
/** RTLD_LAZY | RTLD_GLOBAL | RTLD_NODELETE: the loader must be found by its soname later and never be unloaded. */
const DLOPEN_FLAGS = 0x1 | 0x100 | 0x1000;

/** Path of the packed driver, or undefined where the optional package is missing or the platform is another. */
function packedDriver(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  const own = join(packageRoot(), "package.json");
  try {
    const entry = createRequire(own).resolve("@sparticuz/chromium");
    for (let dir = dirname(entry); dir !== dirname(dir); dir = dirname(dir)) {
      const file = join(dir, "bin/swiftshader.tar.br");
      if (existsSync(file)) return file;
    }
  } catch {
    return undefined;
  }
  return undefined;
}

/** The regular files of a tar archive (ustar; names without folders). */
function untar(tar: Buffer): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const name = tar.toString("utf8", at, tar.indexOf(0, at));
    const size = Number.parseInt(tar.toString("ascii", at + 124, at + 136), 8);
    const type = String.fromCharCode(tar[at + 156]);
    if (type === "0" || type === "\0") files.set(name.split("/").pop()!, tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/** What an unpacked driver consists of, beside the manifest that names it. */
const LIBRARIES = [LOADER, DRIVER];
const MANIFEST = "icd.json";

/**
 * SHA-256 of the libraries in the archive of @sparticuz/chromium 147.0.0, the version of package.json, by that of the archive.
 * Sums that lay beside the unpacked files would vouch for whatever somebody had put there.
 */
const KNOWN_SUMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  f957ea867313f9815b71dc2ed30cce301e01db4f3973fbdb31ffa5391b0ec45a: {
    [LOADER]: "fe17a77c1f2df38d3b6a935140f746fd80aac564bb44eb3e4f6b75a504295a41",
    [DRIVER]: "5b9e8591c7c2d1c9618c3ad485d0cdffb81f5f1ffd6a982fdb6578c2d8d3213e",
  },
};

/** Another version's sums come from its own content, unpacked each time. */
function sumsOf(archive: Buffer, digest: string): Readonly<Record<string, string>> {
  return KNOWN_SUMS[digest] ?? Object.fromEntries([...librariesOf(archive)].map(([name, b]) => [name, sha256(b)]));
}

function librariesOf(archive: Buffer): Map<string, Buffer> {
  const files = untar(brotliDecompressSync(archive));
  const libraries = new Map<string, Buffer>();
  for (const name of LIBRARIES) {
    const bytes = files.get(name);
    if (!bytes) throw new Error(`the package's archive holds no ${name}`);
    libraries.set(name, bytes);
  }
  return libraries;
}

function manifestFor(folder: string): string {
  return JSON.stringify({
    file_format_version: "1.0.0",
    ICD: { library_path: join(folder, DRIVER), api_version: "1.1.0" },
  });
}

/** Whether a folder that only this user can write to holds the package's libraries and the manifest that names them. */
function intact(folder: string, sums: Readonly<Record<string, string>>): boolean {
  try {
    if (!isPrivateFolder(folder) || ![...LIBRARIES, MANIFEST].every((name) => isPrivateFile(join(folder, name))))
      return false;
    if (readFileSync(join(folder, MANIFEST), "utf8") !== manifestFor(folder)) return false;
    return LIBRARIES.every((name) => sha256(readFileSync(join(folder, name))) === sums[name]);
  } catch {
    // not there, or not readable: to be made again
    return false;
  }
}

/**
 * Unpacks loader and driver unless an intact copy is there; returns their folder.
 * @param packed the package's archive
 */
export function unpackDriver(packed: string): string {
  const archive = readFileSync(packed);
  const digest = sha256(archive);
  const sums = sumsOf(archive, digest);
  const folder = join(parentFolder(), digest.slice(0, 16));
  if (intact(folder, sums)) return folder;
  const temporary = mkdtempSync(`${folder}.`);
  try {
    for (const [name, bytes] of librariesOf(archive)) {
      if (sha256(bytes) !== sums[name]) throw new Error(`${packed}: ${name} is not what this version should hold`);
      writeFileSync(join(temporary, name), bytes, { mode: 0o700 });
    }
    writeFileSync(join(temporary, MANIFEST), manifestFor(folder), { mode: 0o600 });
    install(temporary, folder, sums);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  if (!intact(folder, sums)) throw new Error(`${folder} was changed while the driver was unpacked`);
  return folder;
}

/** The folder of unpacked drivers: in the cache, or in a private one where it would not be this user's alone. */
function parentFolder(): string {
  for (const cache of [executableCache(), privateFolder()]) {
    const folder = join(cache, "swiftshader");
    makeFolder(folder, 0o700);
    const state = lstatSync(folder);
    // one of ours that an earlier version made readable and writable as the umask had it
    if (state.isDirectory() && state.uid === process.getuid?.()) chmodSync(folder, 0o700);
    if (isPrivateFolder(folder)) return folder;
  }
  throw new Error("no folder could be made that only this user can write to");
}

/** Gives the unpacked folder its name. A copy that another process has put there meanwhile may be in use, and is kept. */
function install(temporary: string, folder: string, sums: Readonly<Record<string, string>>): void {
  // what is in the way may also be a file or a link, which a folder cannot replace by renaming
  if (lstatSync(folder, { throwIfNoEntry: false }) && !intact(folder, sums)) {
    const damaged = `${temporary}.damaged`;
    renameSync(folder, damaged);
    rmSync(damaged, { recursive: true, force: true });
  }
  try {
    renameSync(temporary, folder);
  } catch (e) {
    if (!intact(folder, sums)) throw e;
  }
}

/**
 * Makes the packed SwiftShader the Vulkan driver of this process; a new WebGPU instance will find it.
 * @returns undefined on success, else the reason in words.
 */
export function loadSoftwareDriver(): string | undefined {
  const packed = packedDriver();
  if (!packed) return "the optional package @sparticuz/chromium, which holds a software driver, is not installed here";
  try {
    const folder = unpackDriver(packed);
    process.env.VK_ICD_FILENAMES = join(folder, "icd.json");
    process.env.VK_DRIVER_FILES = process.env.VK_ICD_FILENAMES;
    try {
      process.dlopen({ exports: {} } as NodeJS.Module, join(folder, LOADER), DLOPEN_FLAGS);
    } catch (e) {
      // the loader is no Node addon and says so after it was loaded, which is all that is wanted
      if (!String(e).includes("did not self-register")) throw e;
    }
    return undefined;
  } catch (e) {
    const reason = e instanceof Error ? e.message : String(e);
    return `the packed software driver could not be loaded from ${executableCache()} ($FIRE_GPU_CACHE): ${reason}`;
  }
}
