/** @file Procedural landmarks: geometry against hand-made scenes, ground truth, determinism, resume. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../base/errors.js";
import { sha256 } from "../../base/hash.js";
import { Builder } from "../../data/landmarks/builder.js";
import { type Camera, makeCamera, project, unproject } from "../../data/landmarks/camera.js";
import { grade } from "../../data/landmarks/grade.js";
import { overlap, viewGeometry } from "../../data/landmarks/overlap.js";
import { rasterise } from "../../data/landmarks/raster.js";
import { positivesOf, readLandmarkSet } from "../../data/landmarks/read.js";
import {
  type GroundTruth,
  type LandmarkSet,
  type RenderOptions,
  renderLandmarks,
} from "../../data/landmarks/render.js";
import { castShadows, sunlight } from "../../data/landmarks/shadow.js";
import { bake, sampleTexture } from "../../data/landmarks/texture.js";

const temporary = mkdtempSync(join(tmpdir(), "fire-gpu-landmarks-"));
test.after(() => rmSync(temporary, { recursive: true, force: true }));

/** A camera at this azimuth (degrees from the front) and distance, at the height of the middle of a 10 m cube. */
function around(azimuth: number, distance: number, focal = 160): Camera {
  const a = (azimuth * Math.PI) / 180;
  const position = [Math.sin(a) * distance, 5, Math.cos(a) * distance] as const;
  return makeCamera({ position, target: [0, 5, 0], roll: 0, focal, width: 160, height: 120 });
}

/** A 10 m cube on the origin; `wall` puts an occluder, which is no part of the landmark, before its left half. */
function cube(wall = false): { builder: Builder; own: number } {
  const builder = new Builder();
  builder.box(-5, 5, 0, 10, -5, 5, 0);
  const own = builder.count;
  if (wall) builder.wall(-20, 0, -5, 20, 8, 0);
  return { builder, own };
}

function seenFrom(camera: Camera, wall = false) {
  const { builder, own } = cube(wall);
  const mesh = builder.mesh();
  return viewGeometry(camera, mesh, rasterise(mesh, camera, 2), own);
}

test("a known point is projected to its pixel, and back", () => {
  const camera = around(0, 25);
  // 2 m to the right and 3 m above the axis, 20 m before the camera: 160 / 20 = 8 pixels a metre.
  const [x, y, z] = project(camera, [2, 8, 5]);
  assert.ok(
    Math.abs(x - (80 + 16)) < 1e-4 && Math.abs(y - (60 - 24)) < 1e-4 && Math.abs(z - 20) < 1e-4,
    `${x} ${y} ${z}`,
  );
  const turned = makeCamera({ ...around(37, 25), roll: 0.3 });
  const p = [1.5, 2.5, -3] as const;
  const [u, v, depth] = project(turned, p);
  const back = unproject(turned, u, v, 1 / depth);
  for (let k = 0; k < 3; k++) assert.ok(Math.abs(back[k] - p[k]) < 1e-4, `${back}`);
});

test("the rasteriser covers the pixels that geometry says, at the depth of the surface", () => {
  const { builder } = cube();
  const camera = around(0, 25);
  const seen = rasterise(builder.mesh(), camera, 1);
  // The front is 10 m at 20 m: 80 × 80 pixels around the middle, all of it nearer than the cube's other sides.
  let covered = 0;
  for (const id of seen.triangle) if (id >= 0) covered++;
  assert.is(covered, 80 * 80);
  const middle = 60 * seen.width + 80;
  assert.ok(Math.abs(seen.inverseDepth[middle] - 1 / 20) < 1e-6);
  assert.is(seen.triangle[0], -1);
});

test("a triangle that passes behind the camera is still drawn before it", () => {
  const builder = new Builder();
  builder.quad([-50, 0, -50], [50, 0, -50], [50, 0, 50], [-50, 0, 50], 0);
  const camera = makeCamera({ position: [0, 2, 0], target: [0, 2, -10], roll: 0, focal: 100, width: 100, height: 100 });
  const seen = rasterise(builder.mesh(), camera, 1);
  // Pixel row 99 looks (49.5 / 100) down per metre: the ground 2 m below is met at depth 2 / 0.495.
  assert.ok(Math.abs(seen.inverseDepth[99 * 100 + 50] - 0.495 / 2) < 1e-6);
  assert.is(seen.triangle[20 * 100 + 50], -1);
});

test("one view overlaps itself wholly, at no angle and equal scale", () => {
  const a = seenFrom(around(20, 25));
  const o = overlap(a, a);
  assert.ok(o.share > 0.97, `share ${o.share}`);
  assert.ok(o.angle < 0.1 && Math.abs(o.scale - 1) < 0.01);
});

test("mirrored views share the same part of each other", () => {
  const a = seenFrom(around(25, 25));
  const b = seenFrom(around(-25, 25));
  const ab = overlap(a, b);
  const ba = overlap(b, a);
  // Each sees the front (common) and one side wall (not common).
  assert.ok(Math.abs(ab.share - ba.share) < 0.03, `${ab.share} ${ba.share}`);
  assert.ok(ab.share > 0.5 && ab.share < 0.95, `${ab.share}`);
  // The rays to the front wall, 5 m nearer than the centre, are further apart than the 50° at the centre.
  assert.ok(ab.angle > 50 && ab.angle < 70, `${ab.angle}`);
  assert.is(grade(ab, ba, 0, b.visible), "hard");
});

test("close views are easy; opposite facades are junk", () => {
  const front = seenFrom(around(0, 25));
  const near = seenFrom(around(10, 22));
  const back = seenFrom(around(180, 25));
  assert.is(grade(overlap(front, near), overlap(near, front), 0, near.visible), "easy");
  assert.is(overlap(front, back).share, 0);
  assert.is(grade(overlap(front, back), overlap(back, front), 0, back.visible), "junk");
});

test("night and a detail make a close view hard", () => {
  const front = seenFrom(around(0, 25));
  const near = seenFrom(around(10, 22));
  assert.is(grade(overlap(front, near), overlap(near, front), 1, near.visible), "hard");
  const detail = seenFrom(around(0, 25, 640));
  const o = overlap(front, detail);
  assert.ok(Math.abs(o.scale - 4) < 0.1, `scale ${o.scale}`);
  assert.is(grade(o, overlap(detail, front), 0, detail.visible), "hard");
});

test("what an occluder hides is not common", () => {
  const front = seenFrom(around(0, 25));
  const hidden = seenFrom(around(0, 25), true);
  const o = overlap(front, hidden);
  assert.ok(o.share > 0.35 && o.share < 0.6, `share ${o.share}`);
  assert.ok(overlap(hidden, front).share > 0.95);
});

test("the two sides of a thin wall are not common, near as they are", () => {
  const builder = new Builder();
  builder.box(-5, 5, 0, 10, -0.05, 0.05, 0);
  const mesh = builder.mesh();
  const [front, back] = [0, 180].map((azimuth) => {
    const camera = around(azimuth, 25);
    return viewGeometry(camera, mesh, rasterise(mesh, camera, 2), builder.count);
  });
  assert.ok(overlap(front, front).share > 0.97);
  assert.is(overlap(front, back).share, 0);
});

test("a cube shades what lies behind it, and nothing else", () => {
  const { builder } = cube();
  const low = Math.SQRT1_2;
  const map = castShadows(builder.mesh(), [low, low, 0], 30, 512);
  // The sun stands in +x at 45°: the shadow lies from x = −5 to −15 at the ground.
  assert.is(sunlight(map, -9, 0.1, 0, 0.05), 0);
  assert.is(sunlight(map, 9, 0.1, 0, 0.05), 1);
  assert.is(sunlight(map, -17, 0.1, 0, 0.05), 1);
  assert.is(sunlight(map, -9, 0.1, 8, 0.05), 1);
});

test("a texture's last mip level is its mean, and it tiles", () => {
  const striped = bake({ metres: 1, gloss: 0, kind: "surface", ageing: 0 }, (x, _y, t) => {
    t.r = x < 64 ? 1 : 0;
    t.g = t.b = 0.5;
  });
  const out = new Float64Array(5);
  sampleTexture(striped, 0.3, 0.7, 20, out);
  assert.ok(Math.abs(out[0] - 0.25) < 0.02, `${out[0]}`);
  sampleTexture(striped, 0.1, 0.5, 0, out);
  const here = [...out];
  sampleTexture(striped, -3.9, 7.5, 0, out);
  for (let k = 0; k < 5; k++) assert.ok(Math.abs(here[k] - out[k]) < 1e-9);
});

const small = { landmarks: 2, views: 3, queriesPerLandmark: 1, distractors: 2, size: 64, seed: 5 } as const;

function checksums(root: string): string {
  const files = readdirSync(root, { recursive: true })
    .map(String)
    .filter((f) => statSync(join(root, f)).isFile());
  return files
    .sort()
    .map((f) => `${f} ${sha256(readFileSync(join(root, f)))}`)
    .join("\n");
}

async function rendered(name: string, options: Partial<RenderOptions> = {}): Promise<string> {
  const out = join(temporary, name);
  const result = await renderLandmarks({ ...small, ...options, out });
  assert.ok(result.complete);
  return out;
}

test("the same seed gives the same bytes with any number of threads; another seed other images", async () => {
  const one = await rendered("one", { workers: 0 });
  const two = await rendered("two", { workers: 2 });
  assert.is(checksums(one), checksums(two));
  const other = await rendered("other", { workers: 0, seed: 6 });
  const images = (root: string) =>
    checksums(join(root, "images"))
      .split("\n")
      .map((l) => l.split(" ")[1]);
  assert.is(images(one).length, 2 * 4 + 2);
  assert.is(new Set([...images(one), ...images(other)]).size, 20);
});

test("each database view of a query's landmark has one grade; distractors have none", () => {
  const root = join(temporary, "one");
  const truth = JSON.parse(readFileSync(join(root, "gnd.json"), "utf8")) as GroundTruth;
  const set = JSON.parse(readFileSync(join(root, "landmarks.json"), "utf8")) as LandmarkSet;
  assert.is(truth.imlist.length, 2 * 3 + 2);
  assert.equal(truth.qimlist, ["images/L00000/q00.jpg", "images/L00001/q00.jpg"]);
  truth.gnd.forEach(({ bbx, easy, hard, junk }, q) => {
    const graded = [...easy, ...hard, ...junk].sort((a, b) => a - b);
    assert.equal(graded, [q * 3, q * 3 + 1, q * 3 + 2]);
    for (const i of graded) assert.ok(truth.imlist[i].startsWith(`images/L0000${q}/`));
    const { width, height } = set.landmarks[q].views[3].camera;
    if (bbx) assert.ok(bbx[0] >= 0 && bbx[1] >= 0 && bbx[2] <= width && bbx[3] <= height && bbx[0] < bbx[2]);
  });
  for (const l of set.landmarks)
    for (let i = 0; i < 4; i++) assert.ok(l.share[i][i] > 0.8, `${l.id} view ${i} shares ${l.share[i][i]} with itself`);
  assert.is(set.distractors.length, 2);
});

test("positives are mined from the matrices, and a damaged set is named", () => {
  const set = readLandmarkSet(join(temporary, "one"));
  for (const l of set.landmarks)
    l.views.forEach((_, i) => {
      for (const j of positivesOf(l, i)) {
        assert.is.not(i, j);
        assert.ok(Math.max(l.share[i][j], l.share[j][i]) >= 0.2 && l.angle[i][j] <= 60);
      }
      assert.equal(positivesOf(l, i, { share: 0, angle: 181 }).length, 3);
      assert.equal(positivesOf(l, i, { share: 1.1, angle: 181 }), []);
    });
  assert.throws(() => readLandmarkSet(join(temporary, "none")), /landmarks\.json: not found; .fire-gpu data render/);
  const damaged = join(temporary, "damaged");
  mkdirSync(damaged);
  writeFileSync(
    join(damaged, "landmarks.json"),
    JSON.stringify({ ...set, landmarks: [{ ...set.landmarks[0], share: [[1]] }] }),
  );
  assert.throws(() => readLandmarkSet(damaged), /L00000: expected matrices of 4 × 4 views/);
});

test("a stopped run continues: finished images stay, missing ones come back the same", async () => {
  const out = join(temporary, "stopped");
  const stop = new AbortController();
  const first = await renderLandmarks({ ...small, out, workers: 0, signal: stop.signal }, ({ done }) => {
    if (done === 2) stop.abort();
  });
  assert.is(first.complete, false);
  assert.is(first.images, 4, "the landmark under way is finished");
  assert.not(readdirSync(out).includes("gnd.json"));
  // As if the run had been killed inside the landmark: no record, one image missing.
  rmSync(join(out, "records/L00000.json"));
  rmSync(join(out, "images/L00000/v01.jpg"));
  const kept = statSync(join(out, "images/L00000/v00.jpg")).ino;
  const seen: number[] = [];
  const second = await renderLandmarks({ ...small, out, workers: 0 }, ({ done }) => seen.push(done));
  assert.ok(second.complete);
  assert.is(seen[0], 0);
  assert.is(statSync(join(out, "images/L00000/v00.jpg")).ino, kept);
  assert.is(checksums(out), checksums(join(temporary, "one")));
  // A record that is still JSON, with another number in it, would become another ground truth.
  const record = join(out, "records/L00001.json");
  const whole = readFileSync(record, "utf8");
  writeFileSync(
    record,
    whole.replace(/"angle":\[\[0,\d/, (digits) => `${digits.slice(0, -1)}${9 - Number(digits.at(-1))}`),
  );
  assert.is.not(readFileSync(record, "utf8"), whole);
  await renderLandmarks({ ...small, out, workers: 0 });
  assert.is(readFileSync(record, "utf8"), whole);
  assert.is(checksums(out), checksums(join(temporary, "one")));
});

test("a folder of other parameters and bad parameters are refused", async () => {
  const refused = async (options: RenderOptions, part: RegExp) => {
    try {
      await renderLandmarks(options);
    } catch (e) {
      assert.instance(e, UsageError);
      assert.match((e as Error).message, part);
      return;
    }
    assert.unreachable(`accepted ${JSON.stringify(options)}`);
  };
  await refused({ ...small, seed: 99, out: join(temporary, "one") }, /other parameters/);
  await refused(
    { ...small, size: 8, out: join(temporary, "none") },
    /size — expected a whole number from 32 to 4096, got 8/,
  );
  await refused({ ...small, views: 2.5, out: join(temporary, "none") }, /views/);
  await refused({ ...small, workers: -1, out: join(temporary, "none") }, /workers/);
});

test.run();
