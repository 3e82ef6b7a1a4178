/** @file What is rendered: triangles, their textures, and what is said about the whole. */
import type { Mesh } from "./builder.js";
import type { Skyline } from "./sky.js";
import type { Texture } from "./texture.js";

/** A scene whose first `landmark` triangles are the landmark; the others are surroundings and passers-by. */
export interface Scene {
  readonly mesh: Mesh;
  readonly textures: readonly Texture[];
  readonly landmark: number;
  readonly skyline: Skyline;
  /** Radius and height of the landmark around the vertical through the origin, in metres. */
  readonly radius: number;
  readonly height: number;
  /** Soot, rain and moss on it, 0 (new) to 1. */
  readonly age: number;
}
