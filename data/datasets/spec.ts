/** @file How a data set is asked for: by name, by path, or described in one of two forms; checked before anything is read. */
import { z } from "zod";
import { UsageError } from "../../base/errors.js";
import type { Box } from "../resize.js";

/** HOW's form: list files of names below `image_root`, which may hold a `*` for the name; null for an absent list. */
export interface ListMapping {
  readonly name: string;
  readonly image_root: string;
  readonly database_list: string | null;
  readonly query_list: string | null;
}

/** The user's own form. Relative paths count from the file that says it (`base` of loadDataset). */
export interface OwnDataset {
  readonly name: string;
  /** A folder of images, or a list file; may be left out when `gnd` has an imlist. */
  readonly images?: string;
  /** gnd.json or .pkl: {imlist, qimlist, gnd}, or a bare list of records. */
  readonly gnd?: string;
  /** A folder, a list file, or the queries themselves; may be left out when `gnd` has a qimlist. */
  readonly queries?: string | readonly { readonly image: string; readonly box?: Box | null }[];
}

/** A public set's name, a path with a "/" of a pickle of full paths, HOW's mapping, or the user's own description. */
export type DatasetSpec = string | ListMapping | OwnDataset;

/** Names of results are made from it: `<distractors>_<name>.results:10_03.pkl.json` must fit in 255 bytes. */
const LONGEST = 100;

/** Why a name cannot be that of a data set, which names files and appears in tables; null when it can. */
export function nameProblem(name: string): string | null {
  if (/[/\\:*?"<>|]/.test(name)) return `expected a name without / \\ : * ? " < > |, since it names files of results`;
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)) return "expected a name without characters that cannot be seen";
  if (/^[\s.]|[\s.]$/.test(name)) return "expected a name without a blank or dot at its ends";
  if (/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(name)) return "expected a name that is not reserved (Windows)";
  const bytes = Buffer.byteLength(name);
  return bytes > LONGEST ? `expected a name of at most ${LONGEST} bytes, got ${bytes}` : null;
}

const text = z.string().min(1, { error: "expected text that is not empty" });

const name = text.superRefine((value, context) => {
  const message = nameProblem(value);
  if (message) context.addIssue({ code: "custom", message });
});

const query = z
  .strictObject({
    image: text,
    box: z.tuple([z.number(), z.number(), z.number(), z.number()]).nullable().optional(),
  })
  .superRefine(({ image, box }, context) => {
    if (!box || (box[0] < box[2] && box[1] < box[3])) return;
    const message = `box of query ${image}: expected [x1, y1, x2, y2] with x1 < x2 and y1 < y2`;
    context.addIssue({ code: "custom", message, path: ["box"] });
  });

/** A data set as a file names it, in one of two forms. */
const mapping = z
  .strictObject({
    name,
    image_root: text.optional(),
    database_list: text.nullable().optional(),
    query_list: text.nullable().optional(),
    images: text.optional(),
    gnd: text.nullable().optional(),
    queries: z.union([text, z.array(query)]).optional(),
  })
  .superRefine((d, context) => {
    const given = (keys: (keyof typeof d)[]) => keys.filter((key) => d[key] !== undefined && d[key] !== null);
    const how = given(["image_root", "database_list", "query_list"]);
    const own = given(["images", "gnd", "queries"]);
    const complain = (message: string) => context.addIssue({ code: "custom", message });
    if (how.length > 0 && own.length > 0)
      complain(
        `expected either images or gnd (own data), or image_root with lists: ${how[0]} and ${own[0]} do not go together`,
      );
    else if (d.image_root === undefined && d.images === undefined && !d.gnd)
      complain("expected either images or gnd (own data), or image_root (with database_list and query_list)");
  })
  .transform(
    ({ name, image_root, database_list = null, query_list = null, images, gnd, queries }): ListMapping | OwnDataset =>
      image_root === undefined
        ? { name, images, gnd: gnd ?? undefined, queries }
        : { name, image_root, database_list, query_list },
  );

/** A name, a path with "/" of a pickle, or a mapping. */
export const datasetEntry = z.union([text, mapping]);

/** The same spec, in its plain form. @throws UsageError naming the key */
export function checkSpec(spec: DatasetSpec): DatasetSpec {
  const parsed = (typeof spec === "string" ? text : mapping).safeParse(spec);
  if (parsed.success) return parsed.data;
  const issue = deepest(parsed.error.issues[0]);
  const called = typeof spec === "object" && spec !== null ? ` ${JSON.stringify(spec.name)}` : "";
  const at = issue.path.length > 0 ? `${issue.path.join(".")}: ` : "";
  throw new UsageError("BadDataset", `data: data set${called}: ${at}${issue.message.replace(/^Invalid/, "invalid")}`);
}

type Issue = z.core.$ZodIssue;

/** A union's own complaint says nothing: take that of the form that was meant. */
function deepest(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const meant = issue.errors.find(([first]) => first.path.length > 0)?.[0];
  return meant ? deepest({ ...meant, path: [...issue.path, ...meant.path] }) : issue;
}
