/** @file What the package tells Mesa's software driver before it starts. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { settingsFor } from "../../engine/mesa.js";

const test = suite("mesa");
const wide = new Set(["avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl"]);

test("sixteen lanes are asked for where the processor has all of AVX-512 that they need, with a cache of their own", () => {
  assert.equal(settingsFor({}, wide, "/caches"), {
    LP_NATIVE_VECTOR_WIDTH: "512",
    MESA_SHADER_CACHE_DIR: "/caches/mesa-512",
  });
  assert.equal(settingsFor({}, new Set(["avx2", "avx512f"]), "/caches"), {});
  assert.equal(settingsFor({}, new Set(), "/caches"), {});
});

test("a width that was set is kept, and its code has a folder of its own", () => {
  assert.equal(settingsFor({ LP_NATIVE_VECTOR_WIDTH: "256" }, wide, "/caches"), {});
  assert.equal(settingsFor({ LP_NATIVE_VECTOR_WIDTH: "128" }, wide, "/caches"), {
    LP_NATIVE_VECTOR_WIDTH: "128",
    MESA_SHADER_CACHE_DIR: "/caches/mesa-128",
  });
});

test("a cache folder that was set stays the outer one, and what a parent process set is not nested", () => {
  const own = settingsFor({ MESA_SHADER_CACHE_DIR: "/own" }, wide, "/caches");
  assert.is(own.MESA_SHADER_CACHE_DIR, "/own/mesa-512");
  assert.equal(settingsFor(own, wide, "/caches"), own);
});

test.run();
