/**
 * @file The Vulkan driver that fire-gpu brings where the machine has none: SwiftShader from `@sparticuz/chromium`
 * (bin/swiftshader.tar.br), unpacked once into the cache folder and checked by hash, then loaded into this process.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { cacheFolder } from "../base/paths.js";

const LOADER = "libvulkan.so.1";
const DRIVER = "libvk_swiftshader.so";
/** RTLD_LAZY | RTLD_GLOBAL | RTLD_NODELETE: the loader must be found by its soname later and never be unloaded. */
const DLOPEN_FLAGS = 0x1 | 0x100 | 0x1000;

/** Path of the packed driver, or undefined where the optional package is missing or the platform is another. */
function packedDriver(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  try {
    const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
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

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What an unpacked driver consists of. */
const FILES = [LOADER, DRIVER, "icd.json"];
/** File with their checksums, written last. */
const SEAL = "sha256.json";

/** Whether a folder holds the files as they were unpacked. */
function intact(folder: string): boolean {
  try {
    const sums: Record<string, string> = JSON.parse(readFileSync(join(folder, SEAL), "utf8"));
    return FILES.every((name) => sha256(readFileSync(join(folder, name))) === sums[name]);
  } catch {
    // not there, or not readable: to be made again
    return false;
  }
}

/** Unpacks loader and driver unless an intact copy is there; returns their folder. */
function unpack(packed: string): string {
  const archive = readFileSync(packed);
  const folder = join(cacheFolder(), "swiftshader", sha256(archive).slice(0, 16));
  if (intact(folder)) return folder;
  const files = untar(brotliDecompressSync(archive));
  const temporary = `${folder}.${process.pid}.part`;
  mkdirSync(temporary, { recursive: true });
  const sums: Record<string, string> = {};
  const manifest = { file_format_version: "1.0.0", ICD: { library_path: join(folder, DRIVER), api_version: "1.1.0" } };
  files.set("icd.json", Buffer.from(JSON.stringify(manifest)));
  for (const name of FILES) {
    const bytes = files.get(name);
    if (!bytes) throw new Error(`${packed} holds no ${name}`);
    writeFileSync(join(temporary, name), bytes, { mode: 0o755 });
    sums[name] = sha256(bytes);
  }
  writeFileSync(join(temporary, SEAL), JSON.stringify(sums));
  install(temporary, folder);
  return folder;
}

/** Gives the unpacked folder its name. A copy that another process has put there meanwhile may be in use, and is kept. */
function install(temporary: string, folder: string): void {
  try {
    renameSync(temporary, folder);
  } catch (e) {
    if (!existsSync(folder)) throw e;
    if (!intact(folder)) {
      const damaged = `${temporary}.damaged`;
      renameSync(folder, damaged);
      renameSync(temporary, folder);
      rmSync(damaged, { recursive: true, force: true });
    }
    rmSync(temporary, { recursive: true, force: true });
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
    const folder = unpack(packed);
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
    return `the packed software driver could not be loaded from ${cacheFolder()} ($FIRE_GPU_CACHE): ${reason}`;
  }
}
