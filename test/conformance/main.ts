/**
 * @file `npm run conformance -- [--only KIND,…] [--root DIR]… [--strict] [--full | --sample] [--quiet] DIR…`
 * Runs every case folder below the given folders through the public API and prints one line a tensor:
 * `case · tensor · OK/FAIL · rel_rms · rel_max · tolerance`.
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CaseSkipped, type Check, GoldenCase } from "./case.js";
import { kinds } from "./kinds.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    root: { type: "string", multiple: true },
    strict: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    sample: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help || positionals.length === 0) {
  console.log(`conformance: runs golden cases through the public API

  npm run conformance -- [--only KIND,…] [--root DIR]… [--strict] [--full | --sample] [--quiet] DIR…

  DIR       a case folder, or a folder of case folders
  --only    kinds of case to run (the part of the folder name before "__") or whole case names
  --root    where end-to-end cases find data/…; repeatable, searched in order (default: the folder above DIR)
  --strict  kinds that are not supported count as failures
  --full    everything, also on slow software drivers, which by default get the end-to-end cases in part
  --sample  only some photos of the end-to-end cases, on any driver
  --quiet   print only failures and the summary`);
  process.exit(values.help ? 0 : 2);
}

const only = values.only?.split(",").filter(Boolean);
const dirs = positionals.flatMap((p) => caseFolders(resolve(p)));
if (dirs.length === 0) {
  console.error(`conformance: no case.json in or below ${positionals.join(", ")}`);
  process.exit(2);
}

let passed = 0;
let failed = 0;
let unsupported = 0;
let skipped = 0;
const failedCases: string[] = [];
for (const dir of dirs) {
  const golden = new GoldenCase(dir);
  if (only && !only.includes(golden.kind) && !only.includes(golden.name)) continue;
  const load = kinds[golden.kind];
  if (!load) {
    unsupported++;
    console.log(`${golden.name} · not supported (kind ${golden.kind})`);
    continue;
  }
  const begin = performance.now();
  let checks: Check[];
  try {
    const roots = values.root?.map((r) => resolve(r)) ?? [dirname(dirname(dir))];
    checks = await (await load())(golden, { roots, sample: values.sample, full: values.full });
    if (checks.length === 0) throw new Error("the handler made no check");
  } catch (e) {
    if (e instanceof CaseSkipped) {
      skipped++;
      console.log(`${golden.name}: skipped, ${e.message}`);
      continue;
    }
    const text = e instanceof Error ? (process.env.DEBUG ? e.stack : e.message) : String(e);
    checks = [{ tensor: "(run)", ok: false, relRms: Number.NaN, relMax: Number.NaN, tolerance: text ?? "" }];
  }
  for (const c of checks) {
    if (c.ok) passed++;
    else failed++;
    if (!values.quiet || !c.ok)
      console.log(
        `${golden.name} · ${c.tensor} · ${c.ok ? "OK" : "FAIL"} · ${exp(c.relRms)} · ${exp(c.relMax)} · ${c.tolerance}`,
      );
  }
  const bad = checks.filter((c) => !c.ok).length;
  if (bad) failedCases.push(golden.name);
  console.log(
    `${golden.name}: ${checks.length - bad} of ${checks.length} checks OK, ${((performance.now() - begin) / 1000).toFixed(1)} s`,
  );
}
if (values.strict) failed += unsupported;
if (failedCases.length) console.log(`cases with failures: ${failedCases.join(", ")}`);
console.log(`conformance: ${passed} checks OK, ${failed} FAIL, ${unsupported} cases not supported, ${skipped} skipped`);
process.exit(failed ? 1 : 0);

function caseFolders(dir: string): string[] {
  if (!existsSync(dir)) {
    console.error(`conformance: ${dir} does not exist`);
    process.exit(2);
  }
  if (existsSync(join(dir, "case.json"))) return [dir];
  return readdirSync(dir, { withFileTypes: true })
    .filter((e) => e.isDirectory() && existsSync(join(dir, e.name, "case.json")))
    .map((e) => join(dir, e.name))
    .sort();
}

function exp(x: number): string {
  return Number.isNaN(x) ? "NaN" : x.toExponential(2);
}
