/** @file Triangle soup under construction, and the transforms that place one part of a building in another. */
import { mat4, vec3 } from "gl-matrix";
import type { Texture } from "./texture.js";

/** A point or direction: x to the right, y up, z to the front. */
export type V3 = readonly [number, number, number];

/** A material is an index in `Builder.textures`. */
export type Material = number;

/** Finished triangles. Three corners a triangle; uv in metres; one material and one tint (colour gain) a triangle. */
export interface Mesh {
  readonly count: number;
  readonly position: Float32Array;
  readonly normal: Float32Array;
  readonly uv: Float32Array;
  readonly material: Uint16Array;
  readonly tint: Float32Array;
  /** Metres of texture coordinate a metre of surface: below 1 where a picture is stretched. */
  readonly density: Float32Array;
}

/**
 * Collects triangles in world space. Local frames: x to the right along a wall, y up, z out of the wall. Texture
 * coordinates come from the local position along the two axes that face the triangle most, in metres, so bricks
 * run through a whole facade; textured solids of revolution give their own.
 */
export class Builder {
  count = 0;
  readonly textures: Texture[] = [];
  /** Colour gain of the triangles that follow. */
  tint: V3 = [1, 1, 1];
  /** Bends local coordinates before they are placed, for facades on round towers and apses; x spans are cut to `bendStep`. */
  bend: ((p: V3) => V3) | undefined;
  bendStep = 0.6;
  private position = new Float32Array(9 * 4096);
  private normal = new Float32Array(9 * 4096);
  private uv = new Float32Array(6 * 4096);
  private material = new Uint16Array(4096);
  private tints = new Float32Array(3 * 4096);
  private density = new Float32Array(4096);
  private matrix = mat4.create();
  private readonly stack: mat4[] = [];

  /** Registers a texture. */
  add(texture: Texture): Material {
    return this.textures.push(texture) - 1;
  }

  /** Runs `build` in a frame moved to (x, y, z) and turned by `angle` about the vertical, optionally scaled. */
  place(x: number, y: number, z: number, angle: number, build: () => void, scale = 1): void {
    this.stack.push(mat4.clone(this.matrix));
    mat4.translate(this.matrix, this.matrix, [x, y, z]);
    if (angle) mat4.rotateY(this.matrix, this.matrix, angle);
    if (scale !== 1) mat4.scale(this.matrix, this.matrix, [scale, scale, scale]);
    build();
    this.matrix = this.stack.pop() as mat4;
  }

  /** Runs `build` with another tint. */
  tinted(tint: V3, build: () => void): void {
    const before = this.tint;
    this.tint = [before[0] * tint[0], before[1] * tint[1], before[2] * tint[2]];
    build();
    this.tint = before;
  }

  /** One triangle. Without normals it is flat; without uv the box mapping applies. */
  tri(a: V3, b: V3, c: V3, material: Material, normals?: readonly [V3, V3, V3], uv?: readonly number[]): void {
    if (this.count === this.material.length) this.grow();
    const i = this.count++;
    const abx = b[0] - a[0];
    const aby = b[1] - a[1];
    const abz = b[2] - a[2];
    const acx = c[0] - a[0];
    const acy = c[1] - a[1];
    const acz = c[2] - a[2];
    const nx = aby * acz - abz * acy;
    const ny = abz * acx - abx * acz;
    const nz = abx * acy - aby * acx;
    if (uv) this.uv.set(uv, i * 6);
    else {
      const ax = Math.abs(nx);
      const ay = Math.abs(ny);
      const az = Math.abs(nz);
      let k = i * 6;
      for (const p of [a, b, c]) {
        this.uv[k++] = ax > az && ax > ay * 0.8 ? (nx > 0 ? -p[2] : p[2]) : p[0];
        this.uv[k++] = ay * 0.8 >= ax && ay * 0.8 > az ? p[2] : p[1];
      }
    }
    const bend = this.bend;
    const pa = bend ? bend(a) : a;
    const pb = bend ? bend(b) : b;
    const pc = bend ? bend(c) : c;
    this.corner(pa, i * 9);
    this.corner(pb, i * 9 + 3);
    this.corner(pc, i * 9 + 6);
    if (normals && !bend) for (let j = 0; j < 3; j++) this.direction(normals[j], i * 9 + 3 * j);
    else this.flatNormal(i * 9);
    this.material[i] = material;
    this.density[i] = this.textureDensity(i);
    this.tints[i * 3] = this.tint[0];
    this.tints[i * 3 + 1] = this.tint[1];
    this.tints[i * 3 + 2] = this.tint[2];
  }

  /** A planar quad a b c d in order around. */
  quad(a: V3, b: V3, c: V3, d: V3, material: Material): void {
    this.tri(a, b, c, material);
    this.tri(a, c, d, material);
  }

  /**
   * A quad filled by `across` texture tiles side by side: signs, clocks, reliefs. v runs from 0 to `top` (1 is the tile).
   */
  picture(a: V3, b: V3, c: V3, d: V3, material: Material, top = 1, across = 1): void {
    const m = this.textures[material].metres;
    this.tri(a, b, c, material, undefined, [0, 0, m * across, 0, m * across, m * top]);
    this.tri(a, c, d, material, undefined, [0, 0, m * across, m * top, 0, m * top]);
  }

  /** Upright rectangle in the plane z, cut into bendable strips when the frame is bent. */
  wall(x0: number, x1: number, y0: number, y1: number, z: number, material: Material): void {
    if (x1 - x0 < 1e-4 || y1 - y0 < 1e-4) return;
    const n = this.bend ? Math.max(1, Math.ceil((x1 - x0) / this.bendStep)) : 1;
    for (let i = 0; i < n; i++) {
      const a = x0 + ((x1 - x0) * i) / n;
      const b = x0 + ((x1 - x0) * (i + 1)) / n;
      this.quad([a, y0, z], [b, y0, z], [b, y1, z], [a, y1, z], material);
    }
  }

  /** Axis-aligned box without its bottom (nothing in a scene is seen from there but overhangs: `bottom` adds it). */
  box(
    x0: number,
    x1: number,
    y0: number,
    y1: number,
    z0: number,
    z1: number,
    material: Material,
    bottom = false,
  ): void {
    const n = this.bend ? Math.max(1, Math.ceil((x1 - x0) / this.bendStep)) : 1;
    for (let i = 0; i < n; i++) {
      const a = x0 + ((x1 - x0) * i) / n;
      const b = x0 + ((x1 - x0) * (i + 1)) / n;
      this.quad([a, y0, z1], [b, y0, z1], [b, y1, z1], [a, y1, z1], material);
      if (!this.bend) this.quad([b, y0, z0], [a, y0, z0], [a, y1, z0], [b, y1, z0], material);
      this.quad([a, y1, z1], [b, y1, z1], [b, y1, z0], [a, y1, z0], material);
      if (bottom) this.quad([a, y0, z0], [b, y0, z0], [b, y0, z1], [a, y0, z1], material);
    }
    this.quad([x0, y0, z0], [x0, y0, z1], [x0, y1, z1], [x0, y1, z0], material);
    this.quad([x1, y0, z1], [x1, y0, z0], [x1, y1, z0], [x1, y1, z1], material);
  }

  /** Forgets the triangles from `count` on: the moving part of a scene is rebuilt for each view. */
  truncate(count: number): void {
    this.count = count;
  }

  /** Views of the triangles built so far; valid until the next one is added. */
  mesh(): Mesh {
    const n = this.count;
    return {
      count: n,
      position: this.position.subarray(0, n * 9),
      normal: this.normal.subarray(0, n * 9),
      uv: this.uv.subarray(0, n * 6),
      material: this.material.subarray(0, n),
      tint: this.tints.subarray(0, n * 3),
      density: this.density.subarray(0, n),
    };
  }

  private corner(p: V3, at: number): void {
    const v = vec3.transformMat4(scratch, p as vec3, this.matrix);
    this.position[at] = v[0];
    this.position[at + 1] = v[1];
    this.position[at + 2] = v[2];
  }

  private direction(n: V3, at: number): void {
    const m = this.matrix;
    const x = m[0] * n[0] + m[4] * n[1] + m[8] * n[2];
    const y = m[1] * n[0] + m[5] * n[1] + m[9] * n[2];
    const z = m[2] * n[0] + m[6] * n[1] + m[10] * n[2];
    const l = 1 / (Math.hypot(x, y, z) || 1);
    this.normal[at] = x * l;
    this.normal[at + 1] = y * l;
    this.normal[at + 2] = z * l;
  }

  /** Square root of the ratio of the triangle's areas in the texture and in the world. */
  private textureDensity(i: number): number {
    const t = this.uv;
    const k = i * 6;
    const inTexture = (t[k + 2] - t[k]) * (t[k + 5] - t[k + 1]) - (t[k + 4] - t[k]) * (t[k + 3] - t[k + 1]);
    const p = this.position;
    const j = i * 9;
    const ux = p[j + 3] - p[j];
    const uy = p[j + 4] - p[j + 1];
    const uz = p[j + 5] - p[j + 2];
    const vx = p[j + 6] - p[j];
    const vy = p[j + 7] - p[j + 1];
    const vz = p[j + 8] - p[j + 2];
    const inWorld = Math.sqrt((uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2);
    return Math.sqrt(Math.abs(inTexture) / (inWorld + 1e-12));
  }

  private flatNormal(at: number): void {
    const p = this.position;
    const ux = p[at + 3] - p[at];
    const uy = p[at + 4] - p[at + 1];
    const uz = p[at + 5] - p[at + 2];
    const vx = p[at + 6] - p[at];
    const vy = p[at + 7] - p[at + 1];
    const vz = p[at + 8] - p[at + 2];
    const x = uy * vz - uz * vy;
    const y = uz * vx - ux * vz;
    const z = ux * vy - uy * vx;
    const l = 1 / (Math.hypot(x, y, z) || 1);
    for (let j = 0; j < 9; j += 3) {
      this.normal[at + j] = x * l;
      this.normal[at + j + 1] = y * l;
      this.normal[at + j + 2] = z * l;
    }
  }

  private grow(): void {
    const double = (a: Float32Array): Float32Array<ArrayBuffer> => {
      const b = new Float32Array(a.length * 2);
      b.set(a);
      return b;
    };
    this.position = double(this.position);
    this.normal = double(this.normal);
    this.uv = double(this.uv);
    this.tints = double(this.tints);
    this.density = double(this.density);
    const m = new Uint16Array(this.material.length * 2);
    m.set(this.material);
    this.material = m;
  }
}

const scratch = vec3.create();
