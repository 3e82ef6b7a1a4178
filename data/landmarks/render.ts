/**
 * @file Renders a data set of procedural landmarks: images, ground truth in the revisited layout, and landmarks.json.
 *
 * ```
 * out/images/<landmark>/<view>.jpg   L00003/v07.jpg, L00003/q01.jpg, D00012/v00.jpg: also a folder-per-class set
 * out/gnd.json                       imlist, qimlist, gnd[{bbx, easy, hard, junk}]
 * out/landmarks.json                 parameters, seeds, cameras, overlaps: what mining reads
 * out/records/<landmark>.json        one a finished landmark, from which a stopped run continues
 * ```
 */
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import { FileFormatError, UsageError } from "../../base/errors.js";
import { readRegular } from "../../base/regular-file.js";
import { parseJson } from "../../formats/json.js";
import { grade } from "./grade.js";
import { type LandmarkJob, type LandmarkRecord, landmarkId, recordHash, recordPath, type ViewRecord } from "./job.js";
import { checkParameters, type LandmarkParameters, parametersHash } from "./options.js";
import { runJobs } from "./pool.js";

export { DEFAULTS, type LandmarkParameters } from "./options.js";

/** What `renderLandmarks` is asked to do. Parameters left out have their defaults. */
export interface RenderOptions extends Partial<LandmarkParameters> {
  /** Folder of the data set; created, or continued when it holds the same parameters. */
  readonly out: string;
  /** Threads; 0 renders on the calling thread. Default: one a core. */
  readonly workers?: number;
  /** Ends the run early after the landmarks under way; the same call continues it. */
  readonly signal?: AbortSignal;
}

/** Images done (by earlier runs too) and in all. */
export interface RenderProgress {
  readonly done: number;
  readonly total: number;
}

/** What a run made. */
export interface RenderResult {
  readonly images: number;
  readonly queries: number;
  /** False when the signal ended the run: gnd.json and landmarks.json are not written then. */
  readonly complete: boolean;
  readonly hash: string;
}

/** landmarks.json. */
export interface LandmarkSet {
  readonly hash: string;
  readonly parameters: LandmarkParameters;
  readonly landmarks: readonly LandmarkRecord[];
  readonly distractors: readonly LandmarkRecord[];
}

/** gnd.json: the layout of the revisited benchmark, image names being paths below the root. */
export interface GroundTruth {
  readonly imlist: readonly string[];
  readonly qimlist: readonly string[];
  readonly gnd: readonly {
    readonly bbx: readonly [number, number, number, number] | null;
    readonly easy: readonly number[];
    readonly hard: readonly number[];
    readonly junk: readonly number[];
  }[];
}

/**
 * Renders the set, or what is missing of it. The bytes depend on the parameters alone, not on the number of threads.
 * @throws UsageError for bad parameters, or when `out` holds a set of other parameters
 */
export async function renderLandmarks(
  options: RenderOptions,
  onProgress: (p: RenderProgress) => void = () => {},
): Promise<RenderResult> {
  const parameters = checkParameters(options);
  const workers = options.workers ?? availableParallelism();
  if (!Number.isInteger(workers) || workers < 0)
    throw new UsageError("BadOption", `landmarks: workers — expected 0 or more, got ${workers}`);
  const { out, signal } = options;
  const hash = parametersHash(parameters);
  claim(out, hash, parameters);
  const perLandmark = parameters.views + parameters.queriesPerLandmark;
  const total = parameters.landmarks * perLandmark + parameters.distractors;
  const jobs: LandmarkJob[] = [];
  let done = 0;
  for (const distractor of [false, true])
    for (let index = 0; index < (distractor ? parameters.distractors : parameters.landmarks); index++)
      if (finished(out, landmarkId(index, distractor), hash)) done += distractor ? 1 : perLandmark;
      else jobs.push({ out, hash, parameters, index, distractor });
  onProgress({ done, total });
  await runJobs(
    jobs,
    workers,
    () => onProgress({ done: ++done, total }),
    () => signal?.aborted ?? false,
  );
  const queries = parameters.landmarks * parameters.queriesPerLandmark;
  if (done < total) return { images: done, queries, complete: false, hash };
  const read = (distractor: boolean) =>
    Array.from({ length: distractor ? parameters.distractors : parameters.landmarks }, (_, i) =>
      readRecord(out, landmarkId(i, distractor)),
    );
  const set: LandmarkSet = { hash, parameters, landmarks: read(false), distractors: read(true) };
  writeFileAtomic(join(out, "landmarks.json"), pieces(set));
  writeFileAtomic(join(out, "gnd.json"), JSON.stringify(groundTruth(set), null, 1));
  return { images: done, queries, complete: true, hash };
}

/** The ground truth of a set: database first by landmark, then the distractors. */
export function groundTruth(set: LandmarkSet): GroundTruth {
  const imlist: string[] = [];
  const index = new Map<ViewRecord, number>();
  for (const l of [...set.landmarks, ...set.distractors])
    for (const v of l.views) if (!v.query) index.set(v, imlist.push(v.image) - 1);
  const qimlist: string[] = [];
  const gnd: GroundTruth["gnd"][number][] = [];
  for (const l of set.landmarks)
    l.views.forEach((query, q) => {
      if (!query.query) return;
      const lists = { easy: [] as number[], hard: [] as number[], junk: [] as number[] };
      l.views.forEach((view, d) => {
        const at = index.get(view);
        if (at === undefined) return;
        const between = (i: number, j: number) => ({
          share: l.share[i][j],
          angle: l.angle[i][j],
          scale: l.scale[i][j],
        });
        lists[grade(between(q, d), between(d, q), l.light[q][d], view.visible)].push(at);
      });
      qimlist.push(query.image);
      gnd.push({ bbx: set.parameters.boxes ? queryBox(query) : null, ...lists });
    });
  return { imlist, qimlist, gnd };
}

/** The landmark with a margin of 5 %; null when that is nearly the whole image. */
function queryBox(view: ViewRecord): [number, number, number, number] | null {
  if (!view.box) return null;
  const { width, height } = view.camera;
  const [x1, y1, x2, y2] = view.box;
  const mx = (x2 - x1) * 0.05;
  const my = (y2 - y1) * 0.05;
  const box: [number, number, number, number] = [
    Math.max(0, x1 - mx),
    Math.max(0, y1 - my),
    Math.min(width, x2 + mx),
    Math.min(height, y2 + my),
  ];
  return (box[2] - box[0]) * (box[3] - box[1]) > 0.85 * width * height ? null : box;
}

/**
 * Marks the folder as this set's, or refuses one that is another's: mixed images would be judged by a wrong file.
 * @throws UsageError as {@link renderLandmarks}; WriteError
 */
export function claimLandmarks(options: RenderOptions): void {
  const parameters = checkParameters(options);
  claim(options.out, parametersHash(parameters), parameters);
}

/** Names in the folder of a set. */
const OWN_NAMES = ["images", "records", "gnd.json", "landmarks.json"];

function claim(out: string, hash: string, parameters: LandmarkParameters): void {
  if (out.trim() === "") throw new UsageError("EmptyName", `landmarks: expected the name of a folder, got "${out}"`);
  const file = join(out, "parameters.json");
  if (existsSync(file)) {
    let before: string | undefined;
    try {
      before = (parseJson(readRegular(file), file) as { hash?: string }).hash;
    } catch {
      before = undefined;
    }
    if (before !== hash)
      throw new UsageError(
        "OtherParameters",
        `landmarks: ${out} holds a set rendered with other parameters; choose another folder, or remove it`,
      );
    return;
  }
  const other = OWN_NAMES.find((name) => existsSync(join(out, name)));
  if (other !== undefined)
    throw new UsageError(
      "NotEmpty",
      `landmarks: ${join(out, other)} exists already and was not rendered here; choose another folder`,
    );
  writeFileAtomic(file, JSON.stringify({ hash, parameters }, null, 1));
}

function finished(out: string, id: string, hash: string): boolean {
  if (!existsSync(recordPath(out, id))) return false;
  try {
    const record = readRecord(out, id);
    return record.hash === hash && record.views.every((v) => existsSync(join(out, v.image)));
  } catch {
    // damaged: rendered anew
    return false;
  }
}

/**
 * A record with the hash it carries; those of older versions have none and are made anew.
 * @throws FileFormatError when it is damaged
 */
function readRecord(out: string, id: string): LandmarkRecord {
  const file = recordPath(out, id);
  const { sha256: hash, ...record } = parseJson(readRegular(file), file) as LandmarkRecord & { sha256?: string };
  if (hash === recordHash(record)) return record;
  throw new FileFormatError("ChecksumMismatch", file, "the record does not have its sha256");
}

/** landmarks.json, one landmark a line: a set for training has thousands, too many for one string. */
function* pieces(set: LandmarkSet): Iterable<Uint8Array> {
  const line = (text: string) => Buffer.from(text);
  yield line(`{"hash":${JSON.stringify(set.hash)},\n"parameters":${JSON.stringify(set.parameters)},\n"landmarks":[\n`);
  for (const [i, l] of set.landmarks.entries()) yield line(`${i ? ",\n" : ""}${JSON.stringify(l)}`);
  yield line(`\n],\n"distractors":[\n`);
  for (const [i, l] of set.distractors.entries()) yield line(`${i ? ",\n" : ""}${JSON.stringify(l)}`);
  yield line("\n]}\n");
}
