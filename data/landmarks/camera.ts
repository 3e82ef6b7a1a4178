/** @file Pinhole cameras: pose, projection, and the axes the rasteriser works in. */
import { vec3 } from "gl-matrix";
import type { V3 } from "./builder.js";

/** A camera as it is recorded in landmarks.json. Lengths in metres, angles in radians, focal length in pixels. */
export interface CameraPose {
  readonly position: V3;
  readonly target: V3;
  readonly roll: number;
  readonly focal: number;
  readonly width: number;
  readonly height: number;
}

/** Pose with its right-handed axes: right, up, forward (unit vectors in the world). */
export interface Camera extends CameraPose {
  readonly right: V3;
  readonly up: V3;
  readonly forward: V3;
}

/** Derives the axes. The target must not be straight above or below. */
export function makeCamera(pose: CameraPose): Camera {
  const forward = vec3.normalize(vec3.create(), vec3.sub(vec3.create(), pose.target as vec3, pose.position as vec3));
  const side = vec3.normalize(vec3.create(), vec3.cross(vec3.create(), forward, [0, 1, 0]));
  const over = vec3.cross(vec3.create(), side, forward);
  const c = Math.cos(pose.roll);
  const s = Math.sin(pose.roll);
  return {
    ...pose,
    forward: [forward[0], forward[1], forward[2]],
    right: [side[0] * c + over[0] * s, side[1] * c + over[1] * s, side[2] * c + over[2] * s],
    up: [over[0] * c - side[0] * s, over[1] * c - side[1] * s, over[2] * c - side[2] * s],
  };
}

/** World point → [x pixels to the right, y pixels down, depth along the axis]. Behind the camera depth is negative. */
export function project(camera: Camera, p: V3): [number, number, number] {
  const dx = p[0] - camera.position[0];
  const dy = p[1] - camera.position[1];
  const dz = p[2] - camera.position[2];
  const x = dx * camera.right[0] + dy * camera.right[1] + dz * camera.right[2];
  const y = dx * camera.up[0] + dy * camera.up[1] + dz * camera.up[2];
  const z = dx * camera.forward[0] + dy * camera.forward[1] + dz * camera.forward[2];
  return [camera.width / 2 + (camera.focal * x) / z, camera.height / 2 - (camera.focal * y) / z, z];
}

/** Pixel (real coordinates) at inverse depth → world point. */
export function unproject(camera: Camera, px: number, py: number, inverseDepth: number): V3 {
  const z = 1 / inverseDepth;
  const x = ((px - camera.width / 2) / camera.focal) * z;
  const y = ((camera.height / 2 - py) / camera.focal) * z;
  const { position: o, right: r, up: u, forward: f } = camera;
  return [
    o[0] + r[0] * x + u[0] * y + f[0] * z,
    o[1] + r[1] * x + u[1] * y + f[1] * z,
    o[2] + r[2] * x + u[2] * y + f[2] * z,
  ];
}
