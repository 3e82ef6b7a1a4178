/**
 * @file The inputs of ../shared/cases, each with its expected value: eighteen kinds of public reports, and small files that once
 * took the process down. Where the folder is missing they are skipped; smaller tests of each kind stand in other suites.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import { loadDataset } from "../../data/datasets/load.js";
import { loadTrainingSet } from "../../data/datasets/training.js";
import { decodeImage } from "../../data/decode.js";
import { unpackArchive } from "../../data/download/unpack.js";
import { readPickleFile } from "../../formats/pickle.js";
import { plain } from "../../formats/python.js";
import { readSafetensors } from "../../formats/safetensors.js";
import { readTorch } from "../../formats/torch.js";

const shared = join(packageRoot(), "../shared/cases");
const test = suite("shared-cases");
const work = mkdtempSync(join(tmpdir(), "fire-gpu-cases-"));
test.after(() => rmSync(work, { recursive: true, force: true }));
const model = join(packageRoot(), "models/demo.safetensors");

/** A kind of report in a folder of its own, which may be written to. */
function report(kind: string, check: (folder: string, expected: Expected) => unknown): void {
  const from = join(shared, "reports", kind);
  if (!existsSync(from)) {
    console.log(`   skipped: ${kind} (no ../shared/cases)`);
    test.skip(`report ${kind}`, () => {});
    return;
  }
  test(`report ${kind}`, async () => {
    const folder = join(work, kind);
    cpSync(from, folder, { recursive: true });
    await check(folder, JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")));
  });
}

// biome-ignore lint/suspicious/noExplicitAny: each kind has its own form
type Expected = any;

/** The program in a folder; `lines` are what it tells people, `out` is stdout. */
function run(folder: string, ...args: string[]): { code: number | null; out: string; lines: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(packageRoot(), "dist/cli/main.js"), ...args], {
    cwd: folder,
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.ok(!/unexpected; DEBUG/.test(stderr), stderr);
  return { code: status, out: stdout, lines: stderr };
}

const names = (file: string): string[] => {
  const bytes = readFileSync(file);
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString());
  return JSON.parse(header.__metadata__.names);
};

const thrown = async (make: () => unknown): Promise<{ name: string; exitCode?: number; message: string }> => {
  try {
    await make();
  } catch (error) {
    return error as { name: string; exitCode?: number; message: string };
  }
  return assert.unreachable("expected an error") as never;
};

report("api-pixel-count", (folder, { throws }) => {
  const args = [join(folder, "grey.mjs"), join(packageRoot(), "dist/api.js")];
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.is.not(status, 0);
  assert.match(stderr, throws);
  assert.match(stderr, /3840.*1280/);
});

report("csv-quotes", (folder, { clusters }) => {
  const set = loadTrainingSet({ name: "x", images: "labels.csv" }, { root: folder, base: folder });
  assert.equal([...set.clusters], clusters);
});

report("file-name-bytes", (folder, { images }) => {
  mkdirSync(join(folder, "d"));
  cpSync(join(folder, "a.jpg"), join(folder, "d/ok.jpg"));
  const odd = Buffer.concat([Buffer.from(join(folder, "d/caf")), Buffer.of(0xe9), Buffer.from(".jpg")]);
  writeFileSync(odd, readFileSync(join(folder, "a.jpg")));
  const { code, out } = run(folder, "extract", "d", "-m", model, "-o", "o.safetensors", "--json");
  assert.is(code, 0);
  assert.is(JSON.parse(out).images, images);
});

report("folder-with-photo-name", async (folder, { images }) => {
  const set = await loadDataset({ name: "x", gnd: "gnd.json" }, { base: folder });
  assert.equal(
    set.images,
    images.map((name: string) => join(folder, name)),
  );
});

report("formats-passed-over", (folder, expected) => {
  const { code, lines } = run(folder, "extract", "photos", "-m", model, "-o", "o.safetensors", "--global");
  assert.is(code, expected.exit);
  for (const word of expected.stderr_mentions) assert.match(lines, word);
});

report("legacy-protocol", (folder, expected) => {
  const { format, root } = readTorch(join(folder, "tiny.pth"));
  assert.is(format, expected.format);
  const { epoch } = plain(root) as { epoch: number };
  assert.is(epoch, expected.epoch);
  assert.is(run(folder, "convert", "tiny.pth", "o.safetensors", "--weights-only").code, 0);
  const tensors = readSafetensors(join(folder, "o.safetensors"));
  for (const name of ["w", "b"]) assert.equal([...tensors.get(name)!.data], expected[name].flat());
});

report("links", (folder, { images, exit }) => {
  mkdirSync(join(folder, "d"));
  cpSync(join(folder, "a.jpg"), join(folder, "d/a.jpg"));
  symlinkSync(".", join(folder, "d/loop"));
  const { code, out } = run(folder, "extract", "d", "-m", model, "-o", "o.safetensors", "--json");
  assert.is(code, exit);
  assert.is(JSON.parse(out).images, images);
});

report("memory-limit", (folder) => {
  const { code, lines } = run(folder, "extract", "a.jpg", "-m", model, "-o", "o.safetensors", "--memory", "40M");
  if (code !== 0) assert.match(lines, /needs \d+\.\d MiB.*--memory \d+M/);
});

report("nan-weights", (folder, expected) => {
  const weights = "features.0.weight:all";
  spawnSync(process.execPath, [join(folder, "make.mjs"), model, join(folder, "nan.safetensors"), weights, "nan"]);
  const { code, lines } = run(folder, "extract", "a.jpg", "-m", "nan.safetensors", "-o", "o.safetensors");
  assert.ok(expected.exit_any_of.includes(code));
  assert.match(lines, expected.names_tensor);
});

report("one-bad-photo", (folder, { with_option: wanted }) => {
  const { code, out } = run(
    folder,
    "extract",
    "photos",
    "-m",
    model,
    "-o",
    "o.safetensors",
    "--on-error",
    "skip",
    "--json",
  );
  assert.is(code, 0);
  assert.equal(
    names(join(folder, "o.safetensors")),
    wanted.images.map((name: string) => join("photos", name)),
  );
  assert.equal(
    JSON.parse(out).skipped.map((s: { file: string }) => s.file),
    wanted.skipped.map((name: string) => join("photos", name)),
  );
  assert.is(run(folder, "extract", "photos", "-m", model, "-o", "p.safetensors", "--on-error", "stop").code, 3);
});

report("python2-utf8-names", async (folder, { images }) => {
  const set = await loadDataset({ name: "x", gnd: "gnd.pkl" }, { base: folder });
  assert.equal(
    set.images.map((path) => basename(path)),
    images,
  );
});

report("query-boxes", async (folder, { boxes }) => {
  const set = await loadDataset({ name: "x", gnd: "gnd.json" }, { base: folder });
  assert.equal(
    set.queries.map((q) => q.box),
    boxes,
  );
});

report("same-name-other-folder", async (folder, { exit, missing }) => {
  const error = await thrown(() => loadDataset({ name: "x", gnd: "gnd.json" }, { base: folder }));
  assert.is(error.exitCode, exit);
  assert.match(error.message, missing);
});

report("scheduler-state", (folder, { tensors, exit }) => {
  assert.is(run(folder, "inspect", "tiny.pth").code, exit);
  assert.is(run(folder, "convert", "tiny.pth", "o.safetensors", "--weights-only").code, exit);
  const read = readSafetensors(join(folder, "o.safetensors"));
  for (const [name, shape] of Object.entries(tensors)) assert.equal(read.get(name)?.shape, shape);
});

report("thin-photo", (folder, expected) => {
  const { code, lines } = run(folder, "extract", "a.jpg", "strip.png", "-m", model, "-o", "o.safetensors");
  assert.ok(expected.exit_any_of.includes(code));
  assert.match(lines, expected.names);
});

for (const kind of ["tiff-undecodable", "tiff-ycbcr"])
  report(kind, async (folder, expected) => {
    for (const [file, { either }] of Object.entries<Expected>(expected)) {
      const [photo, refusal] = either;
      const got = await decodeImage(readFileSync(join(folder, file)), file).catch((e) => e);
      if (got instanceof Error) {
        assert.is((got as unknown as { exitCode: number }).exitCode, refusal.exit);
        continue;
      }
      assert.equal([got.width, got.height], [photo.width, photo.height]);
      const mean = got.data.reduce((s: number, v: number) => s + v, 0) / got.data.length;
      assert.ok(Math.abs(mean - photo.mean) < 0.5, `mean ${mean}`);
      for (const [i, v] of (photo.first_pixels ?? []).flat().entries())
        assert.ok(Math.abs(got.data[i] - v) <= photo.tolerance_levels, `sample ${i}: ${got.data[i]} for ${v}`);
    }
  });

report("wrapped-weights", (folder) => {
  spawnSync(process.execPath, [join(folder, "make.mjs"), model, join(folder, "dp.safetensors")]);
  for (const [weights, out] of [
    ["dp.safetensors", "wrapped"],
    [model, "plain"],
  ])
    assert.is(run(folder, "extract", "a.jpg", "-m", weights, "-o", `${out}.safetensors`).code, 0);
  const of = (out: string) => readSafetensors(join(folder, `${out}.safetensors`)).get("descriptors")?.data;
  assert.equal(of("wrapped"), of("plain"));
});

// files that took seconds or gigabytes, or ended in a raw error: a named error or a result, at once
const inputs = join(shared, "faults/inputs");
if (!existsSync(inputs)) test.skip("small files that took the process down", () => {});
else {
  const swift = (title: string, check: () => unknown) =>
    test(`fault ${title}`, async () => {
      const begin = performance.now();
      await check();
      const seconds = (performance.now() - begin) / 1000;
      assert.ok(seconds < 20, `${seconds} s`);
    });
  const named = async (make: () => unknown) => {
    try {
      await make();
    } catch (error) {
      assert.ok([2, 3, 4, 6].includes((error as { exitCode: number }).exitCode), String((error as Error).stack));
    }
  };
  for (const file of ["tall_truncated.png", "big_truncated_rgba16.png", "fuzz-image-1717.png"])
    swift(file, () => named(() => decodeImage(readFileSync(join(inputs, file)), file)));
  for (const file of ["memoize_dtype_19900.pkl", "bytes_copies_20k.pkl"])
    swift(file, () => named(() => readPickleFile(join(inputs, file))));
  for (const file of ["broadcast_1.pth", "broadcast_100.pth"])
    swift(file, () => assert.is(run(work, "convert", join(inputs, file), `${file}.safetensors`).code, 3));
  for (const file of ["pax_quadratic_262144.tgz", "pax_nul.tgz", "pax_long.tgz", "tar_negative.tgz"])
    swift(file, () => {
      cpSync(join(inputs, file), join(work, file));
      const into = join(work, `${file}.d`);
      mkdirSync(into);
      return named(() => unpackArchive([join(work, file)], into, { kind: "flatten" }));
    });
  swift("fuzz-index-1597.index", () => {
    writeFileSync(join(work, "forged.index"), gunzipSync(readFileSync(join(inputs, "fuzz-index-1597.index.gz"))));
    assert.is(run(work, "convert", "forged.index", "forged.pkl").code, 3);
  });
  for (const file of ["aliases.yml", "unresolved.yml", "selfalias.yml", "fuzz-yaml-5097.yml"])
    swift(file, () => assert.is(run(work, "eval", join(inputs, file)).code, 2));
  swift("escape_names.safetensors", () => {
    const { code, out } = run(work, "inspect", join(inputs, "escape_names.safetensors"));
    assert.is(code, 0);
    assert.ok(!out.includes("\u001b") && !out.includes("\u0007"));
  });
}

test.run();
