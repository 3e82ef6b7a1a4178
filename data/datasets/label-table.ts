/** @file A table of photos and their clusters: CSV as RFC 4180 writes it, read whole or not at all. */
import { type CsvError, parse } from "csv-parse/sync";
import { FileFormatError } from "../../base/errors.js";
import { decodeName, systemPath } from "../../base/path-bytes.js";
import { readNamesText } from "./text-file.js";

/** One photo and the name of its cluster. */
export interface LabelledPhoto {
  readonly image: string;
  readonly cluster: string;
  /** Line of the file on which the record ends, from 1. */
  readonly line: number;
}

interface Row {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

/**
 * Columns `image` and `cluster` by the header's names, beside any others, or two columns without a header. Cells may be
 * quoted and then hold commas, quotes and line ends; blanks around an unquoted cell are no part of it.
 * @throws MissingDataError when it is not there; FileFormatError naming the line of a record that is none
 */
export function readLabelTable(file: string): LabelledPhoto[] {
  const howToGet = "; expected a folder of classes or a CSV file";
  const text = readNamesText(file, "a CSV table image,cluster", { code: "DatasetMissing", howToGet });
  const rows = parseRows(text, file);
  const bad = (line: number, detail: string) => new FileFormatError("MalformedFile", file, `line ${line}: ${detail}`);
  const [first] = rows;
  if (!first) throw new FileFormatError("MalformedFile", file, "expected rows image,cluster; the file has none");
  const header = first.record.map((cell) => cell.toLowerCase());
  const named = header.includes("image") || header.includes("cluster");
  for (const key of named ? ["image", "cluster"] : []) {
    const times = header.filter((cell) => cell === key).length;
    if (times !== 1) throw bad(1, `expected one column ${key}, got ${times} (${header.join(", ")})`);
  }
  const columns = named ? header.length : 2;
  const [image, cluster] = named ? [header.indexOf("image"), header.indexOf("cluster")] : [0, 1];
  const body = named ? rows.slice(1) : rows;
  if (body.length === 0)
    throw new FileFormatError("MalformedFile", file, "expected rows image,cluster; the file has none");
  return body.map(({ record, info: { lines: line } }) => {
    if (record.length !== columns) {
      const hint = record.length > columns ? "; put quotes around text that holds a comma" : "";
      const got = `${record.length} in ${JSON.stringify(record.join(","))}`;
      throw bad(line, `expected ${columns} cells${named ? " as in the header" : ", image,cluster"}, got ${got}${hint}`);
    }
    for (const [key, cell] of [
      ["image", record[image]],
      ["cluster", record[cluster]],
    ])
      if (cell.trim() === "") throw bad(line, `expected image,cluster, the ${key} is empty`);
    return { image: record[image], cluster: record[cluster], line };
  });
}

function parseRows(text: string, file: string): Row[] {
  // The library knows no escaped bytes: it is given bytes, each as one character, and its cells are decoded here.
  const bytes = Buffer.from(systemPath(text));
  const options = {
    encoding: "latin1",
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  } as const;
  try {
    const rows = parse(bytes, options) as unknown as Row[];
    return rows.map(({ record, info }) => ({ record: record.map((c) => decodeName(Buffer.from(c, "latin1"))), info }));
  } catch (cause) {
    // The library's message begins with a title, "Quote Not Closed: ", which says nothing more.
    const said = (cause as CsvError).message.replace(/^[A-Z][A-Za-z ]+: /, "");
    throw new FileFormatError("MalformedFile", file, `not CSV: ${said}`, { cause });
  }
}
