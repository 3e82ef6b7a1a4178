/** @file `fire-gpu inspect`. */

import { Command } from "commander";
import { visibleJson, visibleLine } from "../base/printable.js";
import { type Inspection, inspectFile } from "../tasks/inspect.js";
import { EXIT_CODES } from "./failure.js";
import { formatBytes, formatCount, formatTable } from "./format.js";
import { print } from "./streams.js";

const HELP = `
Examples:
  fire-gpu inspect fire.pth              what network it is, its parameters and scores
  fire-gpu inspect fire.pth --tensors    and every tensor
  fire-gpu inspect codebook.pkl --json
  fire-gpu inspect gnd.json              counts, protocol, boxes, and what looks odd
Nothing in a file is ever executed; a damaged or hostile one is refused (exit code 3).
${EXIT_CODES}`;

/** The command, for the program to add. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .summary("tell what a checkpoint, index, ground truth, result or list holds")
    .description(
      "Look into a file without loading weights: .pth, .pkl, .safetensors, index; gnd and results (.json), lists, CSV, YAML.",
    )
    .argument("<file>", "file to look into; its format is told by its content")
    .option("--tensors", "list every tensor")
    .option("--json", "print everything as JSON")
    .addHelpText("after", HELP)
    .action(async (file: string, { tensors, json }: { tensors?: boolean; json?: boolean }) => {
      const found = await inspectFile(file);
      print(json ? visibleJson(found, 1) : inspectionText(found, tensors ?? false));
    });
}

function inspectionText(found: Inspection, tensors: boolean): string {
  const facts: [string, string | number | null][] = [
    ["file", `${found.file} (${formatBytes(found.bytes)}, ${found.format})`],
    ["sha256", found.sha256],
    [
      "holds",
      `${found.kind}${found.version ? `, ${found.version}` : ""}${found.converted ? " (old form, converted)" : ""}`,
    ],
    ["weights", found.wrapping && `under ${found.wrapping}`],
    ["epoch", found.epoch],
    ["best score", found.bestScore],
    ["parameters", found.parameters ? formatCount(found.parameters) : null],
    ["tensors", found.tensors.length || null],
    ["optimizer", found.hasOptimizer ? "yes" : null],
    ...metaFacts(found),
    ["net_params", compact(found.netParams)],
    ["scores", compact(found.scores)],
  ];
  const known = facts.filter(([, value]) => value !== null);
  const lines = known.map(([name, value]) => `${name.padEnd(11)} ${visibleLine(String(value))}`);
  // The first level is enough for a screen; --json has the rest.
  const top = found.outline.filter(({ path }) => path !== "" && !path.includes("."));
  const outline = top.map(({ path, summary }) => visibleLine(`  ${path.padEnd(20)} ${summary}`));
  if (outline.length > 0) lines.push("content", ...outline);
  if (tensors) {
    const rows = found.tensors.map((t) => [t.name, t.dtype, `[${t.shape.join(", ")}]`, formatBytes(t.bytes)]);
    lines.push("", formatTable([["tensor", "type", "shape", "size"], ...rows]));
  }
  return lines.join("\n");
}

/** What a checkpoint says of itself stays as it is; facts of other files have a line each. */
function metaFacts({ meta, kind, format }: Inspection): [string, string | number | null][] {
  const isFacts = kind === "ground truth" || ["json", "yaml", "csv", "text", "record log"].includes(format);
  if (!isFacts || typeof meta !== "object" || meta === null) return [["meta", compact(meta)]];
  return Object.entries(meta).flatMap(([name, value]): [string, string | number | null][] => {
    const said = Array.isArray(value) ? value : [value];
    const label = name === "warnings" ? "warning" : name.replaceAll("_", " ");
    return said.map((one) => [label, typeof one === "object" ? compact(one) : String(one)]);
  });
}

function compact(value: unknown): string | null {
  if (value === null || (typeof value === "object" && Object.keys(value as object).length === 0)) return null;
  return JSON.stringify(value);
}
