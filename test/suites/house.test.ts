/** @file The rules of docs/house.md that a program can check: imports point downward, files stay short, nothing is lost. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";

const test = suite("house");
const root = packageRoot();

/** What each room may import besides itself. */
const ROOMS: Record<string, readonly string[]> = {
  base: [],
  formats: ["base"],
  engine: ["base", "formats"],
  data: ["base", "formats"],
  nets: ["base", "formats", "engine"],
  asmk: ["base", "formats", "engine"],
  tasks: ["base", "formats", "engine", "nets", "asmk", "data"],
  cli: ["base", "formats", "tasks"],
  api: ["base", "formats", "engine", "nets", "asmk", "data", "tasks"],
  test: ["base", "formats", "engine", "nets", "asmk", "data", "tasks", "cli", "api", "bench"],
  bench: ["base", "formats", "engine", "nets", "asmk", "data", "tasks", "cli", "api", "test"],
};

/** Packages that only one room may know. */
const PACKAGES: Record<string, readonly string[]> = {
  webgpu: ["engine"],
  sharp: ["data", "test", "bench"],
  commander: ["cli"],
  "cli-progress": ["cli"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function walk(folder: string, ending: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((name) => name.endsWith(ending) && !name.includes("node_modules") && !name.startsWith("bench/peers"))
    .sort();
}

const sources = [
  ...Object.keys(ROOMS).flatMap((room) => walk(room, ".ts")),
  ...(existsSync(join(root, "api.ts")) ? ["api.ts"] : []),
];
const text = (file: string) => readFileSync(join(root, file), "utf8");

/** The import and export-from statements of a file; comments do not count. */
function importsOf(file: string): Import[] {
  const code = text(file)
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
  const statements = code.matchAll(
    /^\s*(?:import|export)\s+(type\s)?(?:[^;"'`]*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm,
  );
  return [...statements].map(([, type, plain, dynamic]) => ({
    from: file,
    to: resolveImport(file, plain ?? dynamic),
    typeOnly: type !== undefined,
  }));
}

/** `../base/errors.js` → `base/errors.ts`; packages stay as they are. */
function resolveImport(file: string, target: string): string {
  return target.startsWith(".") ? relative(root, join(root, dirname(file), target)).replace(/\.js$/, ".ts") : target;
}

const roomOf = (file: string) => (file === "api.ts" ? "api" : file.split("/")[0]);
const imports = sources.flatMap(importsOf);
const inside = imports.filter((i) => i.to.endsWith(".ts"));

test("imports are found at all", () => {
  assert.ok(sources.length > 30, `only ${sources.length} sources`);
  assert.ok(inside.some((i) => i.from === "tasks/config/load.ts" && i.to === "base/errors.ts"));
  assert.ok(imports.some((i) => i.from === "engine/dawn.ts" && i.to === "webgpu"));
});

test("rooms import downward only", () => {
  const wrong = inside.filter(({ from, to }) => {
    const [a, b] = [roomOf(from), roomOf(to)];
    return a !== b && !ROOMS[a].includes(b);
  });
  assert.equal(
    wrong.map((i) => `${i.from} imports ${i.to}`),
    [],
  );
});

test("every import inside the package leads to a file", () => {
  const lost = inside.filter((i) => !existsSync(join(root, i.to)));
  assert.equal(
    lost.map((i) => `${i.from} imports ${i.to}`),
    [],
  );
});

test("no files import one another in a circle", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of inside) if (!typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (done.has(file) || path.includes(file)) return;
    for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
  assert.equal(circles, []);
});

/** Calls that may move less than they are asked to, or never end: base/file-io.ts and base/folders.ts are for that. */
const BARE_CALLS = [
  "mkdir",
  "mkdirSync",
  "readSync",
  "writeSync",
  "appendFile",
  "appendFileSync",
  "writeFile",
  "writeFileSync",
];
/** writeFileSync goes on until all is written; what each of these files writes is checked, or of use to messages alone. */
const MAY_CALL: Readonly<Record<string, readonly string[]>> = {
  "data/download/part-file.ts": ["writeFileSync"],
  "engine/software-driver.ts": ["writeFileSync"],
  "tasks/evaluate/lock.ts": ["writeFileSync", "readSync"],
};

test("bytes are moved by base/file-io.ts and folders made by base/folders.ts", () => {
  const rooms = sources.filter((file) => !["base", "test", "bench"].includes(roomOf(file)));
  const found = rooms.flatMap((file) => {
    const code = readFileSync(join(root, file), "utf8");
    const names = [...code.matchAll(/import\s*\{([^}]*)\}\s*from\s*"node:fs(?:\/promises)?"/g)].flatMap(([, list]) =>
      list.split(",").map((name) => name.trim()),
    );
    const bare = names.filter((name) => BARE_CALLS.includes(name) && !MAY_CALL[file]?.includes(name));
    const handles = code.match(/\b(handle|this\.writer|reader)\.(read|write|appendFile|writeFile)\(/g) ?? [];
    return [...bare, ...handles].map((name) => `${file}: ${name}`);
  });
  assert.equal(found, []);
});

test("a package that belongs to one room stays there", () => {
  const wrong = imports.filter(({ from, to }) => PACKAGES[to] && !PACKAGES[to].includes(roomOf(from)));
  assert.equal(
    wrong.map((i) => `${i.from} imports ${i.to}`),
    [],
  );
});

test("every package that is imported is a dependency", () => {
  const { name, dependencies, devDependencies } = JSON.parse(text("package.json"));
  const packages = imports.map((i) => i.to).filter((to) => !to.endsWith(".ts") && !to.startsWith("node:"));
  const names = new Set(
    packages.map((p) =>
      p
        .split("/")
        .slice(0, p.startsWith("@") ? 2 : 1)
        .join("/"),
    ),
  );
  // the package's own name: its tests use it as a program does
  const unknown = [...names].filter((n) => n !== name && !(n in dependencies) && !(n in devDependencies));
  assert.equal(unknown, []);
});

test("no file is longer than 500 lines", () => {
  const long = [...sources, ...walk("shaders", ".wgsl")]
    .map((file) => ({ file, lines: text(file).split("\n").length - 1 }))
    .filter(({ lines }) => lines > 500);
  assert.equal(
    long.map(({ file, lines }) => `${file}: ${lines} lines`),
    [],
  );
});

test("what is linted are the rooms, all of them, and nothing that the program writes into this folder", () => {
  const includes: string[] = JSON.parse(text("biome.json")).files.includes;
  const linted = includes.filter((i) => !i.startsWith("!")).map((i) => i.split("/")[0]);
  const rooms = Object.keys(ROOMS).filter((room) => room !== "api");
  assert.equal(linted.sort(), ["*.{ts,json}", "configs", ...rooms].sort());
});

test("every kernel is used by a source or included by another kernel", () => {
  const kernels = walk("shaders", ".wgsl");
  const users = [...sources.filter((f) => roomOf(f) !== "test"), ...kernels].map((file) => ({
    file,
    code: text(file),
  }));
  const unused = kernels.filter((kernel) => {
    const name = kernel.replace(/^shaders\//, "");
    return !users.some(({ file, code }) => file !== kernel && code.includes(name));
  });
  assert.equal(unused, []);
});

test("every exported function says what it does", () => {
  const silent = sources.flatMap((file) =>
    [...text(file).matchAll(/^(.*)\n(?: {2})?export (?:default )?(?:async )?function\*? (\w+)\(/gm)]
      .filter(
        ([, before]) => !/\*\/\s*$/.test(before) && !/^\s*export (async )?function|^\s*\/\/ biome-ignore/.test(before),
      )
      .map(([, , name]) => `${file}: ${name}`),
  );
  assert.equal(
    silent.filter((s) => !/^(test|bench)\//.test(s)),
    [],
  );
});

test("committed files name no package registry and no folder of one machine", () => {
  const listed = tracked().filter((f) => !/\.(jpg|png|webp|tiff|pth|pkl|safetensors|br)$/.test(f));
  const wrong = listed.flatMap((file) => {
    const lines = text(file).split("\n");
    return lines.flatMap((line, i) =>
      /registry\.npmjs|"resolved":|_authToken|(^|["'\s(])\/(work|home|Users|root)\//.test(line)
        ? [`${file}:${i + 1}`]
        : [],
    );
  });
  // This file holds the patterns themselves.
  assert.equal(
    wrong.filter((w) => !w.startsWith("test/suites/house.test.ts")),
    [],
  );
});

/** Files under version control; in an unpacked package, all source files. */
function tracked(): string[] {
  try {
    const list = execFileSync("git", ["ls-files", "-z"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return list.split("\0").filter((f) => f !== "" && existsSync(join(root, f)) && statSync(join(root, f)).isFile());
  } catch {
    return sources;
  }
}

test.run();
