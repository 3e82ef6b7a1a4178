/** @file The unit of work: one landmark (or distractor), all its views rendered, written and compared. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { writeFileAtomic } from "../../base/atomic.js";
import { sha256 } from "../../base/hash.js";
import type { RgbImage } from "../../base/image.js";
import type { CameraPose } from "./camera.js";
import { develop, drawFilm, type Film } from "./film.js";
import { buildLandmark, type Landmark, type LandmarkSeeds, sceneOf, seedsOf } from "./landmark.js";
import { drawLight, type Light, lightDifference, type Weather } from "./light.js";
import type { LandmarkParameters } from "./options.js";
import { overlap, type ViewGeometry, viewGeometry } from "./overlap.js";
import { passersBy } from "./passers.js";
import { hash32, Rng } from "./random.js";
import { rasterise } from "./raster.js";
import { shade } from "./shade.js";
import { castShadows } from "./shadow.js";
import type { Kind } from "./style.js";
import { drawCamera } from "./views.js";

/** What is to be rendered. */
export interface LandmarkJob {
  readonly out: string;
  readonly hash: string;
  readonly parameters: LandmarkParameters;
  /** Index among the landmarks, or among the distractors. */
  readonly index: number;
  readonly distractor: boolean;
}

/** One view as landmarks.json tells it. */
export interface ViewRecord {
  /** Path below the data set's root. */
  readonly image: string;
  readonly query: boolean;
  readonly camera: CameraPose;
  readonly weather: Weather;
  readonly toSun: readonly [number, number, number];
  /** Share of the image that shows the landmark. */
  readonly visible: number;
  readonly box: readonly [number, number, number, number] | null;
}

/** One landmark as landmarks.json tells it. Row i, column j of a matrix is about view i seen from view j. */
export interface LandmarkRecord {
  readonly hash: string;
  readonly id: string;
  readonly kind: Kind;
  readonly seeds: LandmarkSeeds;
  /** Landmark whose style a distractor shares; null for landmarks and for distractors of their own style. */
  readonly imitates: string | null;
  readonly radius: number;
  readonly height: number;
  readonly views: readonly ViewRecord[];
  readonly share: readonly (readonly number[])[];
  readonly angle: readonly (readonly number[])[];
  readonly scale: readonly (readonly number[])[];
  readonly light: readonly (readonly number[])[];
}

/** The name of a landmark or distractor: also its folder below images/. */
export function landmarkId(index: number, distractor: boolean): string {
  return `${distractor ? "D" : "L"}${String(index).padStart(5, "0")}`;
}

/** Where the record of a finished landmark lies. */
export function recordPath(out: string, id: string): string {
  return join(out, "records", `${id}.json`);
}

/** One rendered view before it becomes a file. */
export interface RenderedView {
  readonly image: RgbImage;
  readonly geometry: ViewGeometry;
  readonly light: Light;
  readonly film: Film;
}

/** How often a camera is drawn again when trees or houses hide the landmark. */
const ATTEMPTS = 8;
/** … or when it fills less of the image than this. */
const ENOUGH = 0.12;

/** Renders view `view` of a landmark. `pixels` off skips shading: the geometry alone is wanted. */
export function renderView(
  l: Landmark,
  seeds: LandmarkSeeds,
  view: string,
  p: LandmarkParameters,
  pixels = true,
): RenderedView {
  const rng = new Rng(hash32(seeds.detail, "view", view));
  const { radius, height } = l.extent;
  for (let attempt = 0; ; attempt++) {
    const one = rng.fork(attempt);
    const camera = drawCamera(one.fork("camera"), l.extent, p.size, view.startsWith("q"));
    l.builder.truncate(l.still);
    passersBy(l.builder, l.stock, one.fork("passers"), camera, radius);
    const scene = sceneOf(l);
    const seen = rasterise(scene.mesh, camera, p.samples);
    const geometry = viewGeometry(camera, scene.mesh, seen, l.own);
    if (geometry.visible < ENOUGH && attempt + 1 < ATTEMPTS) continue;
    const light = drawLight(rng.fork("light"), radius);
    const film = drawFilm(rng.fork("film"), p.quality, light.weather === "night" || light.weather === "dusk");
    if (!pixels) return { image: { width: 0, height: 0, data: new Uint8Array(0) }, geometry, light, film };
    const shadow =
      light.sun[0] > 0.5 ? castShadows(scene.mesh, light.toSun, Math.max(radius, height) * 1.6 + 6, 1024) : undefined;
    const linear = shade(scene, camera, seen, light, shadow);
    return { image: develop(linear, camera.width, camera.height, film), geometry, light, film };
  }
}

/**
 * Renders the landmark's missing images, compares its views and writes its record last: a record that exists means a
 * landmark that is finished. `onImage` is called after each view.
 */
export async function runLandmarkJob(job: LandmarkJob, onImage: () => void = () => {}): Promise<void> {
  const { parameters: p, out } = job;
  const id = landmarkId(job.index, job.distractor);
  // Seven of ten distractors imitate a landmark; the others add styles that no landmark has.
  const model = job.distractor ? (job.index % 10 < 7 ? job.index % p.landmarks : p.landmarks + job.index) : job.index;
  const seeds = seedsOf(p.seed, model, job.distractor ? job.index : undefined);
  const landmark = buildLandmark(seeds);
  const names = job.distractor
    ? ["v00"]
    : [
        ...Array.from({ length: p.views }, (_, i) => `v${String(i).padStart(2, "0")}`),
        ...Array.from({ length: p.queriesPerLandmark }, (_, i) => `q${String(i).padStart(2, "0")}`),
      ];
  const geometries: ViewGeometry[] = [];
  const lights: Light[] = [];
  const views: ViewRecord[] = [];
  for (const name of names) {
    const image = `images/${id}/${name}.jpg`;
    const file = join(out, image);
    const there = existsSync(file);
    const view = renderView(landmark, seeds, name, p, !there);
    if (!there) writeFileAtomic(file, await encode(view.image, view.film.quality));
    const { geometry, light } = view;
    const { position, target, roll, focal, width, height } = geometry.camera;
    geometries.push(geometry);
    lights.push(light);
    views.push({
      image,
      query: name.startsWith("q"),
      camera: {
        position: rounded(position),
        target: rounded(target),
        roll: round(roll),
        focal: round(focal),
        width,
        height,
      },
      weather: light.weather,
      toSun: rounded(light.toSun),
      visible: round(geometry.visible),
      box: geometry.box && [
        round(geometry.box[0]),
        round(geometry.box[1]),
        round(geometry.box[2]),
        round(geometry.box[3]),
      ],
    });
    onImage();
  }
  const pairs = geometries.map((a) => geometries.map((b) => overlap(a, b)));
  const record: LandmarkRecord = {
    hash: job.hash,
    id,
    kind: landmark.kind,
    seeds,
    imitates: job.distractor && model < p.landmarks ? landmarkId(model, false) : null,
    radius: round(landmark.extent.radius),
    height: round(landmark.extent.height),
    views,
    share: pairs.map((row) => row.map((o) => round(o.share))),
    angle: pairs.map((row) => row.map((o) => Math.round(o.angle * 10) / 10)),
    scale: pairs.map((row) => row.map((o) => round(o.scale))),
    light: lights.map((a) => lights.map((b) => round(lightDifference(a, b)))),
  };
  writeFileAtomic(recordPath(out, id), JSON.stringify({ ...record, sha256: recordHash(record) }));
}

/** Hash of all that a record says, which its file carries. */
export function recordHash(record: LandmarkRecord): string {
  return sha256(Buffer.from(JSON.stringify(record)));
}

function encode(image: RgbImage, quality: number): Promise<Buffer> {
  const raw = { width: image.width, height: image.height, channels: 3 as const };
  return sharp(image.data, { raw }).jpeg({ quality, chromaSubsampling: "4:2:0" }).toBuffer();
}

function round(v: number): number {
  return Math.round(v * 1000) / 1000;
}

function rounded(v: readonly [number, number, number]): [number, number, number] {
  return [round(v[0]), round(v[1]), round(v[2])];
}
