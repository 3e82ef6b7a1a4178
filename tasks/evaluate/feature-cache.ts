/**
 * @file Features of a list of photos, computed once. Results go to a record log in the experiment folder as they come,
 * under a fingerprint of all they depend on; the next run reads them back and computes only what is missing.
 */
import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/atomic.js";
import { UsageError } from "../../base/errors.js";
import { appendText } from "../../base/file-io.js";
import type { RgbImage } from "../../base/image.js";
import { readRegularText } from "../../base/regular-file.js";
import { maxPixels } from "../../data/image/limits.js";
import { type ImageError, imageErrorFrom } from "../../data/image-job.js";
import type { ImageLoader } from "../../data/loader.js";
import { fittingScales } from "../../nets/fitting-scales.js";
import { type Progress, type Stage, stopIfAsked } from "../progress.js";
import { SkipList } from "../skips.js";
import { decodeSkipped, encodeSkipped } from "./feature-codec.js";
import { differences, fingerprint, type Ingredients, photosHash, shortName } from "./fingerprint.js";
import { type Photo, photoStates } from "./photos.js";
import { RecordLog } from "./record-log.js";

/** Raised when the meaning of cached features changes. */
const FORMAT = 1;

/** Which features of which photos. */
export interface FeatureRequest {
  /** For messages: "roxford5k database". */
  readonly label: string;
  readonly photos: readonly Photo[];
  readonly imageSize: number;
  /** What else decides the result: model, scales, …; the names are read by the user. */
  readonly ingredients: Ingredients;
  /** Those that `compute` uses: a photo too thin for one of them is told. */
  readonly scales: readonly number[];
  /** One photo to one record. */
  readonly compute: (image: RgbImage) => Promise<Uint8Array>;
}

/** Where features are kept, who reads the photos and who is told. */
export interface FeatureStore {
  /** `<experiment>/cache`. */
  readonly folder: string;
  readonly loader: ImageLoader;
  readonly progress: Progress;
  /** What to do with photos that cannot be used; left out, the run stops at them. */
  readonly skips?: SkipList;
  readonly signal?: AbortSignal;
}

/** A request with the state of its photos: what its result will be known by, before anything is opened. */
export interface DescribedRequest extends FeatureRequest {
  readonly all: Ingredients;
  readonly print: Buffer;
}

/** Looks at the photos of a request. @throws MissingDataError when some are missing that are not to be skipped */
export async function describeRequest(request: FeatureRequest, skips?: SkipList): Promise<DescribedRequest> {
  const { label, photos, imageSize, ingredients } = request;
  const images = photosHash(photos, await photoStates(photos, label, skips?.policy === "skip" ? "state" : "error"));
  const limit = process.env.FIRE_GPU_MAX_PIXELS ? { "max pixels": maxPixels() } : {};
  const all = { ...ingredients, ...limit, format: FORMAT, "image size": imageSize, images };
  return { ...request, all, print: fingerprint(all) };
}

/** Another request for the same photos, whose records come out of the same pass over a photo. */
export interface Companion {
  readonly request: DescribedRequest;
  /** One photo to the record of the request that is asked, and to that of the companion. */
  readonly compute: (image: RgbImage) => Promise<[own: Uint8Array, other: Uint8Array]>;
}

/** The records of one request. Call `close` when done. */
export class CachedFeatures {
  private constructor(
    readonly log: RecordLog,
    private readonly store: FeatureStore,
    private readonly request: DescribedRequest,
    private readonly companion: Companion | undefined,
  ) {}

  /**
   * Finds what an earlier run left and tells it in one line.
   * @param companion is kept too where photos have to be computed that it lacks as well
   * @throws UsageError when another run writes the same
   */
  static async open(store: FeatureStore, request: DescribedRequest, companion?: Companion): Promise<CachedFeatures> {
    const { label, photos } = request;
    const log = await openLog(store, request);
    if (log.count > 0) {
      for (const line of keptNotices(folderOf(store, request), log.count)) store.loader.tell(line);
      const part =
        log.count < photos.length ? `continuing at image ${log.count + 1} of` : "reusing the features of all";
      store.progress.note(`${label}: ${part} ${photos.length} images (same model, preprocessing, scales and images)`);
    }
    return new CachedFeatures(log, store, request, companion);
  }

  /**
   * All records in the order of the photos: the kept ones first, each checked, then new ones, each kept at once. A photo
   * that is skipped has a record that says why (feature-codec.ts), also for the next run.
   */
  async *records(): AsyncGenerator<Uint8Array> {
    const { store, request, log } = this;
    const { photos, imageSize, label } = request;
    const kept = Math.min(log.count, photos.length);
    let done = 0;
    for await (const record of log.read()) {
      stopIfAsked(store.signal);
      const skipped = decodeSkipped(record, photos[done].path);
      if (skipped) this.skips.add(skipped);
      done++;
      yield record;
    }
    if (done < kept) {
      store.progress.warn(`${label}: the cache is damaged after image ${done} of ${kept}; extracting from there again`);
    }
    if (done === photos.length) return;
    const stage = store.progress.stage(label, photos.length, done);
    const other = this.companion && (await openLog(store, this.companion.request));
    // One photo is on its way to the device while the one before is awaited, or the device would idle between them.
    let ahead: Promise<Uint8Array> | undefined;
    try {
      for await (const { image, notices, error } of store.loader.load(photos.slice(done), { imageSize })) {
        if (error) {
          if (ahead) yield await this.keep(await ahead, stage);
          ahead = undefined;
          yield await this.keep(await this.skip(error, done++, other), stage);
          continue;
        }
        this.notice(done, image, notices);
        if (other) {
          // both logs are appended to in step, so here the photos go one by one
          yield await this.keep(await this.compute(image, done++, other), stage);
          stopIfAsked(store.signal);
          continue;
        }
        const next = this.compute(image, done++, other);
        // a failure is thrown when its turn comes
        next.catch(() => {});
        const record = await ahead;
        ahead = next;
        if (record) yield await this.keep(record, stage);
        stopIfAsked(store.signal);
      }
      if (ahead) yield await this.keep(await ahead, stage);
      ahead = undefined;
    } finally {
      await ahead?.catch(() => {});
      stage.end();
      await other?.close();
    }
  }

  private async keep(record: Uint8Array, stage: Stage): Promise<Uint8Array> {
    await this.log.append(record);
    stage.advance();
    return record;
  }

  close(): Promise<void> {
    return this.log.close();
  }

  /** Closes, and deletes what was kept: its content has gone into another file. */
  async discard(): Promise<void> {
    await this.close();
    await rm(folderOf(this.store, this.request), { recursive: true, force: true });
  }

  private get skips(): SkipList {
    return this.store.skips ?? new SkipList("stop");
  }

  /** A companion that is ahead (a run was killed between the two) or behind is left to its own evaluation. */
  private async compute(image: RgbImage, index: number, other: RecordLog | undefined): Promise<Uint8Array> {
    try {
      if (!this.companion || other?.count !== index) return await this.request.compute(image);
      const [own, theirs] = await this.companion.compute(image);
      await other.append(theirs);
      return own;
    } catch (cause) {
      if (!(cause instanceof UsageError && cause.code === "NoScale")) throw cause;
      return this.skip(imageErrorFrom(this.request.photos[index].path, cause), index, other);
    }
  }

  /** The record of a photo that cannot be used. @throws the error when the run is to stop at such photos */
  private async skip(error: ImageError, index: number, other: RecordLog | undefined): Promise<Uint8Array> {
    this.skips.add(error);
    const record = encodeSkipped(error);
    if (other?.count === index) await other.append(record);
    return record;
  }

  /** Keeps what was odd about a photo, since a run that reuses its features says so again. */
  private notice(index: number, image: RgbImage, notices: readonly string[]): void {
    const { scales, photos } = this.request;
    const left = fittingScales(image, scales);
    const out = scales.filter((scale) => !left.includes(scale));
    const thin = `${photos[index].path}: too thin for ${out.length === 1 ? "scale" : "scales"} ${out.join(", ")} (${image.width} × ${image.height} pixels), left out`;
    const lines = out.length > 0 && left.length > 0 ? [...notices, thin] : notices;
    for (const line of lines) {
      this.store.loader.tell(line);
      const kept: Notice = { index, line };
      appendText(join(folderOf(this.store, this.request), NOTICES), `${JSON.stringify(kept)}\n`);
    }
  }
}

function folderOf(store: FeatureStore, { print }: DescribedRequest): string {
  return join(store.folder, `features-${shortName(print)}`);
}

/** The log of a request; for a new one it is told what has changed since the nearest that there is of this label. */
async function openLog(store: FeatureStore, request: DescribedRequest): Promise<RecordLog> {
  const { label, all, print } = request;
  const before = siblings(store.folder);
  const folder = folderOf(store, request);
  const log = await RecordLog.open(folder, print);
  if (log.dropped) {
    store.progress.warn(`${label}: the cache is damaged after image ${log.count}; extracting from there again`);
  }
  if (log.count > 0) return log;
  const near = before.filter((s) => s.label === label).map((s) => differences(s.ingredients, all));
  near.sort((x, y) => x.length - y.length);
  if (near[0]?.length) {
    store.progress.note(`${label}: extracting anew; changed since the last run: ${near[0].join(", ")}`);
  }
  writeFileAtomic(join(folder, "about.json"), `${JSON.stringify({ label, ingredients: all }, null, 1)}\n`);
  return log;
}

const NOTICES = "notices.jsonl";

interface Notice {
  readonly index: number;
  readonly line: string;
}

/** What was odd about the first `count` photos. Only messages depend on it: a line that cannot be read is none. */
function keptNotices(folder: string, count: number): string[] {
  const file = join(folder, NOTICES);
  if (!existsSync(file)) return [];
  return readRegularText(file)
    .split("\n")
    .flatMap((text) => {
      try {
        const { index, line } = JSON.parse(text) as Notice;
        return index < count && typeof line === "string" ? [line] : [];
      } catch {
        return [];
      }
    });
}

interface About {
  label: string;
  ingredients: Ingredients;
}

/** What the other caches of the experiment were made of. */
function siblings(folder: string): About[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith("features-"))
    .map((name) => join(folder, name, "about.json"))
    .filter((file) => existsSync(file))
    .flatMap(readAbout);
}

/** Only messages depend on these files: one that cannot be read is as good as none. */
function readAbout(file: string): About[] {
  try {
    const about = JSON.parse(readRegularText(file)) as Partial<About> | null;
    const { label, ingredients } = about ?? {};
    return typeof ingredients === "object" && ingredients !== null ? [{ label: String(label), ingredients }] : [];
  } catch {
    return [];
  }
}
