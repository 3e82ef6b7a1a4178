/** @file One golden case: its folder, its case.json, its tensors, and the comparison rule of golden/README.md. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type HostTensor, toFloat32 } from "../../base/tensor.js";
import { Safetensors } from "../../formats/safetensors.js";

export interface TensorNote {
  role: string;
  shape: number[];
  dtype: string;
  compare?: string;
  tol?: { rel_max?: number; rel_rms?: number; abs_max?: number };
  f64_tensor?: string;
  subset?: unknown;
  [key: string]: unknown;
}

/** One line of the report. `tolerance` is text: it says which bound was applied. */
export interface Check {
  tensor: string;
  ok: boolean;
  relRms: number;
  relMax: number;
  tolerance: string;
}

/** What a kind's handler may use besides the case itself. */
export interface Context {
  /** Folders in which `data/…` paths of end-to-end cases are looked up, in order. */
  roots: string[];
  /** Run everything, also where a software driver takes hours. */
  full: boolean;
  /** Only some photos of the end-to-end cases. */
  sample: boolean;
}

/** Thrown by a handler that leaves its case out; the reason is printed. */
export class CaseSkipped extends Error {}

export type CaseHandler = (golden: GoldenCase, context: Context) => Promise<Check[]>;

export class GoldenCase {
  readonly name: string;
  /** The part of the folder's name before "__". */
  readonly kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: the form of case.json differs by kind
  readonly json: any;
  private opened: Safetensors | undefined;

  constructor(readonly dir: string) {
    this.name = basename(dir);
    this.kind = this.name.split("__")[0];
    this.json = JSON.parse(readFileSync(join(dir, "case.json"), "utf8"));
  }

  get tensors(): Safetensors {
    this.opened ??= Safetensors.open(join(this.dir, "tensors.safetensors"));
    return this.opened;
  }

  /** Is the tensor stored, or (bigger ones) its float64 form only? */
  has(name: string): boolean {
    if (!existsSync(join(this.dir, "tensors.safetensors"))) return false;
    return this.tensors.has(name) || this.tensors.has(this.note(name)?.f64_tensor ?? name);
  }

  read(name: string): HostTensor {
    return this.tensors.read(name);
  }

  f32(name: string): Float32Array {
    return toFloat32(this.read(name));
  }

  note(name: string): TensorNote {
    return this.json.tensors[name];
  }

  path(relative: string): string {
    return join(this.dir, relative);
  }

  /**
   * Compares `got` with the case's tensor by the case's own rule: `exact`, or both relative errors within `tol`
   * (or `abs_max`), against the float64 tensor when there is one. `slack` widens tol where golden/README.md allows it
   * for GPU arithmetic: 3 by default, 10 through pow; CPU-only results pass 1.
   */
  compare(name: string, got: ArrayLike<number | bigint>, slack = 3): Check {
    const note = this.note(name);
    const reference = note?.f64_tensor ?? name;
    if (note?.compare === "exact") return compareExact(name, got, this.read(name).data);
    const tol = note?.tol;
    if (!tol)
      return {
        tensor: name,
        ok: false,
        relRms: Number.NaN,
        relMax: Number.NaN,
        tolerance: "no tolerance in case.json",
      };
    return compareClose(name, got, this.read(reference).data, tol, slack);
  }
}

/** Bit or integer equality; the errors count differing elements. */
export function compareExact(name: string, got: ArrayLike<number | bigint>, want: ArrayLike<number | bigint>): Check {
  let wrong = got.length === want.length ? 0 : Math.max(got.length, want.length);
  let first = -1;
  for (let i = 0; i < want.length && got.length === want.length; i++) {
    const a = got[i];
    const b = want[i];
    const same = typeof a === typeof b ? Object.is(a, b) || a === b : Number(a) === Number(b);
    if (!same) {
      if (first < 0) first = i;
      wrong++;
    }
  }
  const tolerance = wrong
    ? `exact; ${wrong} of ${want.length} differ${first >= 0 ? `, first [${first}] ${got[first]} for ${want[first]}` : `, length ${got.length}`}`
    : "exact";
  return { tensor: name, ok: wrong === 0, relRms: wrong / Math.max(1, want.length), relMax: wrong ? 1 : 0, tolerance };
}

/** rel_max = max|y-r| / max|r|, rel_rms = ‖y-r‖ / ‖r‖ over the whole tensor; NaN never passes. */
export function compareClose(
  name: string,
  got: ArrayLike<number | bigint>,
  want: ArrayLike<number | bigint>,
  tol: { rel_max?: number; rel_rms?: number; abs_max?: number },
  slack = 1,
): Check {
  if (got.length !== want.length)
    return {
      tensor: name,
      ok: false,
      relRms: Number.NaN,
      relMax: Number.NaN,
      tolerance: `expected ${want.length} values, got ${got.length}`,
    };
  let maxDiff = 0;
  let maxRef = 0;
  let sumDiff = 0;
  let sumRef = 0;
  let nan = false;
  for (let i = 0; i < want.length; i++) {
    const r = Number(want[i]);
    const y = Number(got[i]);
    const d = Object.is(r, y) || r === y ? 0 : Math.abs(y - r);
    if (Number.isNaN(d)) nan = true;
    maxDiff = Math.max(maxDiff, d);
    maxRef = Math.max(maxRef, Math.abs(r));
    sumDiff += d * d;
    sumRef += r * r;
  }
  const relMax = nan ? Number.NaN : maxDiff === 0 ? 0 : maxDiff / maxRef;
  const relRms = nan ? Number.NaN : sumDiff === 0 ? 0 : Math.sqrt(sumDiff / sumRef);
  if (tol.abs_max !== undefined) {
    return {
      tensor: name,
      ok: !nan && maxDiff <= tol.abs_max * slack,
      relRms,
      relMax,
      tolerance: `abs_max ${tol.abs_max}${slack === 1 ? "" : `×${slack}`}, got ${maxDiff.toExponential(2)}`,
    };
  }
  const maxOk = tol.rel_max === undefined || relMax <= tol.rel_max * slack;
  const rmsOk = tol.rel_rms === undefined || relRms <= tol.rel_rms * slack;
  const text = `rms ${tol.rel_rms} max ${tol.rel_max}${slack === 1 ? "" : ` ×${slack}`}`;
  return { tensor: name, ok: maxOk && rmsOk, relRms, relMax, tolerance: text };
}

/** A named yes/no check that is not about one tensor. */
export function checkThat(name: string, ok: boolean, detail = ""): Check {
  return { tensor: name, ok, relRms: ok ? 0 : 1, relMax: ok ? 0 : 1, tolerance: detail || "must hold" };
}
