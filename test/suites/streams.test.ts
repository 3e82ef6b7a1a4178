/** @file Text on its way out: readers that go away or have no room, and names that would write to the terminal. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageRoot } from "../../base/paths.js";
import { visibleJson, visibleLine, visibleText } from "../../base/printable.js";
import { formatTable } from "../../cli/format.js";
import { encodeSafetensors } from "../../formats/safetensors.js";
import { EvalLog } from "../../tasks/evaluate/eval-log.js";
import { silent } from "../../tasks/progress.js";
import { htmlText } from "../../tasks/report/page.js";

const test = suite("streams");
const folder = mkdtempSync(join(tmpdir(), "fire-gpu-streams-"));
test.after(() => rmSync(folder, { recursive: true }));
const program = join(packageRoot(), "dist/cli/main.js");

/** Runs `fire-gpu …` in a shell. */
function shell(command: string) {
  const script = `fire() { "${process.execPath}" "${program}" "$@"; }; ${command}`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" });
  assert.not.match(stdout + stderr, /\n {4}at |node:|Unhandled/, `${command}: ${stderr}`);
  return { status, stdout, stderr };
}

/** Every kind of what is not seen, with what it is shown as. */
const CASES: [raw: string, shown: string][] = [
  ["\x1b]0;owned\x07", "\\x1b]0;owned\\x07"],
  ["a\rb\x00\x7f", "a\\x0db\\x00\\x7f"],
  ["\x9b2J", "\\x9b2J"],
  ["photo\u202egpj.exe", "photo\\u202egpj.exe"],
  ["\u2066x\u2069\u200f", "\\u2066x\\u2069\\u200f"],
  ["\ud800 \udc80", "\\ud800 \\udc80"],
  ["größe 寺 😀\t", "größe 寺 😀\t"],
];

test("what is not seen is shown escaped, in texts, tables, logs and pages; JSON stays the same value", () => {
  for (const [raw, shown] of CASES) {
    assert.is(visibleText(`${raw}\n`), `${shown}\n`);
    assert.is(visibleLine(`${raw}\nsecond`), `${shown}\\nsecond`);
    assert.equal(JSON.parse(visibleJson({ [raw]: raw }, 1)), { [raw]: raw });
    assert.is(visibleText(visibleJson(raw)), visibleJson(raw));
    assert.match(formatTable([["a"], [`${raw}\n`]]), `${shown}\\n`.trimEnd());
    assert.is(htmlText(raw), shown);
  }
  const log = join(folder, "a.log");
  new EvalLog(log, silent).note("\x1b[2J\nsecond line of the same news");
  assert.match(readFileSync(log, "utf8"), /INFO: \\x1b\[2J\\nsecond line[^\n]*\n$/);
});

test("a name in a file or on the command line cannot write to the terminal", () => {
  const name = "\x1b]0;owned\x07\u202e\nfaked line";
  writeFileSync(
    join(folder, "names.safetensors"),
    encodeSafetensors(new Map([[name, { dtype: "F32" as const, shape: [1], data: new Float32Array(1) }]])),
  );
  const { stdout } = shell("fire inspect names.safetensors --tensors");
  assert.match(stdout, "\\x1b]0;owned\\x07\\u202e\\nfaked line");
  assert.equal(JSON.parse(shell("fire inspect names.safetensors --json").stdout).tensors[0].name, name);
  const missing = shell("fire inspect $'no\\e[31mwhere\\u202e'");
  assert.is(missing.status, 4);
  assert.match(missing.stderr, "no\\x1b[31mwhere\\u202e");
  const all = stdout + missing.stderr;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  assert.not.match(all, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
});

test("a reader that goes away ends no run, and is no failure", () => {
  const out = "rendered";
  const render = `data render --landmarks 1 --views 1 --queries 1 --distractors 0 --size 32 -j 1 -o ${out}`;
  assert.is(shell(`fire ${render} 2>&1 | true; exit "\${PIPESTATUS[0]}"`).status, 0);
  assert.ok(existsSync(join(folder, out, "gnd.json")), "the work is finished though nobody listens");
  assert.is(shell("set -o pipefail; fire download --list | true").status, 0);
  for (const redirect of [">&-", "2>&-", ">&- 2>&-", "2> /dev/full"])
    assert.is(shell(`fire download --list ${redirect}`).status, 0, redirect);
  assert.is(shell("fire inspect nowhere 2>&-").status, 4);
});

test("results that cannot be written are a failure that is told", () => {
  if (!existsSync("/dev/full")) return console.log("skipped: no /dev/full here");
  for (const command of ["download --list", "--help"]) {
    const { status, stderr } = shell(`fire ${command} > /dev/full`);
    assert.is(status, 7, command);
    assert.is(
      stderr,
      "fire-gpu: stdout: cannot be written: the disk is full; make space, then run the same command again\n",
    );
  }
  assert.is(shell("fire inspect nowhere > /dev/full 2> /dev/full").status, 4);
});

test("nothing in the command line writes to the streams but its one place", () => {
  const pattern = /process\.std(out|err)\.write|console\./;
  const files = readdirSync(join(packageRoot(), "cli"));
  assert.equal(
    files.filter((name) => pattern.test(readFileSync(join(packageRoot(), "cli", name), "utf8"))),
    [],
  );
});

test.run();
