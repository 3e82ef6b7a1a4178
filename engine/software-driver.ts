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

/** Unpacks loader and driver unless an intact copy is there; returns their folder. */
function unpack(packed: string): string {
  const archive = readFileSync(packed);
  const folder = join(cacheFolder(), "swiftshader", sha256(archive).slice(0, 16));
  const seal = join(folder, "sha256.json");
  if (existsSync(seal)) {
    const sums: Record<string, string> = JSON.parse(readFileSync(seal, "utf8"));
    const intact = Object.entries(sums).every(([name, sum]) => {
      const file = join(folder, name);
      return existsSync(file) && sha256(readFileSync(file)) === sum;
    });
    if (intact) return folder;
  }
  const files = untar(brotliDecompressSync(archive));
  const temporary = `${folder}.${process.pid}.part`;
  mkdirSync(temporary, { recursive: true });
  const sums: Record<string, string> = {};
  const manifest = { file_format_version: "1.0.0", ICD: { library_path: join(folder, DRIVER), api_version: "1.1.0" } };
  files.set("icd.json", Buffer.from(JSON.stringify(manifest)));
  for (const name of [LOADER, DRIVER, "icd.json"]) {
    const bytes = files.get(name);
    if (!bytes) throw new Error(`${packed} holds no ${name}`);
    writeFileSync(join(temporary, name), bytes, { mode: 0o755 });
    sums[name] = sha256(bytes);
  }
  writeFileSync(join(temporary, "sha256.json"), JSON.stringify(sums));
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(temporary, folder);
  } catch (e) {
    // another process was faster: its copy is as good
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(seal)) throw e;
  }
  return folder;
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
    return `the packed software driver could not be loaded: ${e instanceof Error ? e.message : String(e)}`;
  }
}
