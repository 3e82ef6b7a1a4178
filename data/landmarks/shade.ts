/**
 * @file Light on the visible samples: textures, slopes, sun and shadow, sky light with occlusion, lamps, haze.
 *
 * Each pixel is shaded once for every different triangle among its samples, at the middle of that triangle's samples,
 * and mixed by their number: edges are anti-aliased at a quarter of the cost of full supersampling, and the textures
 * are filtered by their mip levels.
 */
import type { Camera } from "./camera.js";
import type { Light } from "./light.js";
import { noiseLibrary, smoothAt, TILE } from "./noise.js";
import { occlusion } from "./occlusion.js";
import { hash01 } from "./random.js";
import type { Visibility } from "./raster.js";
import type { Scene } from "./scene.js";
import { type ShadowMap, sunlight } from "./shadow.js";
import { skyColour } from "./sky.js";
import { sampleTexture } from "./texture.js";

/** Renders linear RGB, three floats a pixel. `shadow` is undefined when no sun casts one. */
export function shade(scene: Scene, camera: Camera, seen: Visibility, light: Light, shadow?: ShadowMap): Float32Array {
  const { width, height } = camera;
  const out = new Float32Array(width * height * 3);
  const s = seen.samples;
  const ids = new Int32Array(s * s);
  const sumX = new Float64Array(s * s);
  const sumY = new Float64Array(s * s);
  const hits = new Int32Array(s * s);
  const colour = new Float64Array(3);
  const shadeSample = sampleShader(scene, camera, seen, light, shadow);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let kinds = 0;
      for (let j = 0; j < s; j++)
        for (let i = 0; i < s; i++) {
          const sx = x * s + i;
          const sy = y * s + j;
          const id = seen.triangle[sy * seen.width + sx];
          let k = 0;
          while (k < kinds && ids[k] !== id) k++;
          if (k === kinds) {
            ids[kinds++] = id;
            sumX[k] = sumY[k] = hits[k] = 0;
          }
          sumX[k] += sx;
          sumY[k] += sy;
          hits[k]++;
        }
      const o = (y * width + x) * 3;
      for (let k = 0; k < kinds; k++) {
        shadeSample(ids[k], sumX[k] / hits[k], sumY[k] / hits[k], colour);
        const share = hits[k] / (s * s);
        out[o] += share * colour[0];
        out[o + 1] += share * colour[1];
        out[o + 2] += share * colour[2];
      }
    }
  return out;
}

/** The shader of one view: (triangle, sample x, sample y) → linear colour. */
function sampleShader(scene: Scene, camera: Camera, seen: Visibility, light: Light, shadow?: ShadowMap) {
  const { mesh, textures, skyline, age } = scene;
  const { position: eye, right, up, forward } = camera;
  const focal = camera.focal * seen.samples;
  const cx = seen.width / 2 - 0.5;
  const cy = seen.height / 2 - 0.5;
  const texel = new Float64Array(5);
  const sky = new Float64Array(3);
  const maps = noiseLibrary();
  const ambient = [0, 1, 2].map((c) => (0.4 * light.zenith[c] + 0.45 * light.horizon[c]) * (1 + 0.25 * light.cloud));
  const shadowBias = shadow ? 1.5 / shadow.scale : 0;
  const dayGround = 0.5 * (ambient[0] + ambient[2]) + 0.25 * light.sun[1] * Math.max(0, light.toSun[1]);

  return (id: number, sx: number, sy: number, out: Float64Array): void => {
    const rx = (sx - cx) / focal;
    const ry = (cy - sy) / focal;
    if (id < 0) {
      const l = 1 / Math.sqrt(rx * rx + ry * ry + 1);
      skyColour(
        light,
        skyline,
        (right[0] * rx + up[0] * ry + forward[0]) * l,
        (right[1] * rx + up[1] * ry + forward[1]) * l,
        (right[2] * rx + up[2] * ry + forward[2]) * l,
        out,
      );
      return;
    }
    const e = seen.edges;
    const i = id * 9;
    let a = e[i] * sx + e[i + 1] * sy + e[i + 2];
    let b = e[i + 3] * sx + e[i + 4] * sy + e[i + 5];
    let c = e[i + 6] * sx + e[i + 7] * sy + e[i + 8];
    // The mean of several samples lies in the triangle but for rounding.
    if (a < 0) a = 0;
    if (b < 0) b = 0;
    if (c < 0) c = 0;
    const w = 1 / (a + b + c);
    a *= w;
    b *= w;
    c *= w;
    const p = mesh.position;
    const px = p[i] * a + p[i + 3] * b + p[i + 6] * c;
    const py = p[i + 1] * a + p[i + 4] * b + p[i + 7] * c;
    const pz = p[i + 2] * a + p[i + 5] * b + p[i + 8] * c;
    const q = mesh.normal;
    let nx = q[i] * a + q[i + 3] * b + q[i + 6] * c;
    let ny = q[i + 1] * a + q[i + 4] * b + q[i + 7] * c;
    let nz = q[i + 2] * a + q[i + 5] * b + q[i + 8] * c;
    let vx = eye[0] - px;
    let vy = eye[1] - py;
    let vz = eye[2] - pz;
    const distance = Math.sqrt(vx * vx + vy * vy + vz * vz);
    vx /= distance;
    vy /= distance;
    vz /= distance;
    let facing = nx * vx + ny * vy + nz * vz;
    const flip = (facing < 0 ? -1 : 1) / (Math.sqrt(nx * nx + ny * ny + nz * nz) || 1);
    nx *= flip;
    ny *= flip;
    nz *= flip;
    facing *= flip;

    const texture = textures[mesh.material[id]];
    const tiles = 1 / texture.metres;
    const uvAt = id * 6;
    const uv = mesh.uv;
    const u = (uv[uvAt] * a + uv[uvAt + 2] * b + uv[uvAt + 4] * c) * tiles;
    const v = (uv[uvAt + 1] * a + uv[uvAt + 3] * b + uv[uvAt + 5] * c) * tiles;
    const footprint = ((distance / camera.focal) * TILE * tiles * mesh.density[id]) / Math.sqrt(Math.max(0.12, facing));
    sampleTexture(texture, u, v, Math.log2(footprint) - 0.5, texel);

    // Slopes turn the normal in the wall's own frame: along it and up it.
    const flatLength = Math.sqrt(nx * nx + nz * nz);
    const tx = flatLength > 0.05 ? nz / flatLength : 1;
    const tz = flatLength > 0.05 ? -nx / flatLength : 0;
    const bx = ny * tz;
    const by = nz * tx - nx * tz;
    const bz = -ny * tx;
    let mx = nx - texel[3] * tx - texel[4] * bx;
    let my = ny - texel[4] * by;
    let mz = nz - texel[3] * tz - texel[4] * bz;
    const ml = 1 / Math.sqrt(mx * mx + my * my + mz * mz);
    mx *= ml;
    my *= ml;
    mz *= ml;

    const tint = mesh.tint;
    let gain = 1;
    const ageing = texture.ageing * age;
    if (ageing > 0.05 && id < scene.landmark) {
      const along = px * tx + pz * tz;
      const cloud = smoothAt(maps.soft, (px + pz * 0.6) * 5.3, (py + pz * 0.4) * 5.3);
      const rain = smoothAt(maps.streak, along * 9, py * 5);
      gain =
        1 - ageing * (0.55 * Math.max(0, cloud - 0.35) + 0.5 * Math.max(0, rain - 0.5) + 0.25 * Math.exp(-py * 0.9));
    }
    let r = texel[0] * tint[id * 3] * gain;
    let g = texel[1] * tint[id * 3 + 1] * gain;
    let bl = texel[2] * tint[id * 3 + 2] * (gain * 0.9 + 0.1 * gain * gain);
    r *= r;
    g *= g;
    bl *= bl;
    const leaf = texture.kind === "leaf";
    if (leaf) {
      r *= light.leaves[0];
      g *= light.leaves[1];
      bl *= light.leaves[2];
    }
    if (light.snow && ny > 0.45) {
      const cover = Math.min(1, Math.max(0, (ny - 0.45) * 3 + smoothAt(maps.soft, px * 9, pz * 9) - 1.2 + light.snow));
      r += (0.85 - r) * cover;
      g += (0.87 - g) * cover;
      bl += (0.9 - bl) * cover;
    }

    const open = occlusion(seen, camera, sx, sy, nx, ny, nz, id);
    const sky0 = 0.3 + 0.7 * (0.5 + 0.5 * my);
    const down = 0.5 - 0.5 * my;
    let lr = (ambient[0] * sky0 + light.bounce[0] * down) * open;
    let lg = (ambient[1] * sky0 + light.bounce[1] * down) * open;
    let lb = (ambient[2] * sky0 + light.bounce[2] * down) * open;
    let sunShare = 0;
    if (light.sun[0] > 0) {
      const l = light.toSun;
      let direct = mx * l[0] + my * l[1] + mz * l[2];
      if (leaf) direct = 0.35 + 0.65 * Math.abs(direct);
      else if (nx * l[0] + ny * l[1] + nz * l[2] <= 0) direct = 0;
      if (direct > 0) {
        sunShare = shadow
          ? sunlight(shadow, px + nx * shadowBias, py + ny * shadowBias, pz + nz * shadowBias, shadowBias)
          : 1;
        lr += light.sun[0] * direct * sunShare;
        lg += light.sun[1] * direct * sunShare;
        lb += light.sun[2] * direct * sunShare;
      }
    }
    for (const [fx, fy, fz, power] of light.floods) {
      const dx = fx - px;
      const dy = fy - py;
      const dz = fz - pz;
      const d2 = dx * dx + dy * dy + dz * dz + 1;
      const direct = (mx * dx + my * dy + mz * dz) / Math.sqrt(d2);
      if (direct > 0) {
        const k = (power * direct * open) / d2;
        lr += light.floodColour[0] * k;
        lg += light.floodColour[1] * k;
        lb += light.floodColour[2] * k;
      }
    }
    out[0] = r * lr;
    out[1] = g * lg;
    out[2] = bl * lb;

    if (texture.gloss > 0.1) {
      const k = 2 * (mx * vx + my * vy + mz * vz);
      const fx = k * mx - vx;
      const fy = k * my - vy;
      const fz = k * mz - vz;
      const grazing = 1 - Math.max(0, facing);
      const fresnel = texture.gloss * (0.16 + 0.84 * grazing ** 4) * (0.4 + 0.6 * open);
      if (fy > 0) skyColour(light, skyline, fx, fy, fz, sky, false);
      else sky[0] = sky[1] = sky[2] = dayGround * 0.5;
      for (let n = 0; n < 3; n++) out[n] += (sky[n] - out[n]) * fresnel;
      const sun = fx * light.toSun[0] + fy * light.toSun[1] + fz * light.toSun[2];
      if (sun > 0.9 && sunShare)
        for (let n = 0; n < 3; n++) out[n] += light.sun[n] * sunShare * texture.gloss * 2 * sun ** 90;
      if (texture.kind === "glass" && hash01(tint[id * 3] * 9973, tint[id * 3 + 1] * 7919) < light.lit) {
        out[0] += 0.55 * (0.35 + 3 * r);
        out[1] += 0.55 * (0.24 + 3 * g);
        out[2] += 0.55 * (0.1 + 3 * bl);
      }
    }
    const clear = Math.exp(-light.haze * distance);
    for (let n = 0; n < 3; n++) out[n] = light.horizon[n] * 0.9 + (out[n] - light.horizon[n] * 0.9) * clear;
  };
}
