/**
 * @file A whole evaluation that needs no GPU: a deterministic toy network, small generated photos of coloured scenes, and
 * a configuration. As a program (`node toy-evaluation.js CONFIG [MILLISECONDS]`) it evaluates slowly, to be killed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { CpuBackend } from "../../asmk/backend.js";
import type { RgbImage } from "../../base/image.js";
import type { LocalFeatures, LocalOptions, RetrievalNetwork } from "../../nets/network.js";
import { type EvalTools, runEvaluation } from "../../tasks/evaluate/run.js";
import type { Progress } from "../../tasks/progress.js";

const DIM = 8;
const GRID = 4;
export const SCENES = 4;
export const VIEWS = 4;

/** Describes each cell of a grid by its mean colour and neighbours; counts its calls. */
export class ToyNetwork implements RetrievalNetwork {
  readonly kind = "how";
  readonly architecture = "toy";
  readonly outputDim = DIM;
  readonly runtime = {
    meanStd: [[], []] as [number[], number[]],
    imageSize: 64,
    featuresNum: null,
    scales: [1],
    trainingScales: [1],
  };
  calls = 0;
  /** Photos whose local and global descriptors were asked for together; each is two calls. */
  both = 0;
  destroyed = false;

  constructor(private readonly milliseconds = 0) {}

  async extractLocal(image: RgbImage, { scales, featuresNum }: LocalOptions): Promise<LocalFeatures> {
    this.calls++;
    if (this.milliseconds > 0) await new Promise((done) => setTimeout(done, this.milliseconds));
    const all = scales.flatMap((scale) =>
      Array.from({ length: GRID * GRID }, (_, cell) => ({ cell, scale, values: describeCell(image, cell, scale) })),
    );
    const strength = (values: number[]) => Math.hypot(...values);
    all.sort((a, b) => strength(b.values) - strength(a.values));
    const kept = all.slice(0, featuresNum ?? all.length);
    return {
      count: kept.length,
      dim: DIM,
      descriptors: Float32Array.from(kept.flatMap((f) => f.values)),
      strengths: Float32Array.from(kept, (f) => strength(f.values)),
      locations: Int16Array.from(kept.flatMap((f) => [f.cell % GRID, Math.floor(f.cell / GRID)])),
      scales: Float32Array.from(kept, (f) => f.scale),
    };
  }

  async extractGlobal(image: RgbImage): Promise<Float32Array> {
    this.calls++;
    const sum = new Float64Array(DIM);
    for (let cell = 0; cell < GRID * GRID; cell++) {
      for (const [d, v] of describeCell(image, cell, 1).entries()) sum[d] += v;
    }
    const norm = Math.hypot(...sum);
    return Float32Array.from(sum, (v) => v / norm);
  }

  async extractBoth(image: RgbImage, options: LocalOptions) {
    this.both++;
    return { local: await this.extractLocal(image, options), global: await this.extractGlobal(image) };
  }

  destroy(): void {
    this.destroyed = true;
  }
}

function describeCell({ width, height, data }: RgbImage, cell: number, scale: number): number[] {
  const [cw, ch] = [Math.floor(width / GRID), Math.floor(height / GRID)];
  const [x0, y0] = [(cell % GRID) * cw, Math.floor(cell / GRID) * ch];
  const mean = [0, 0, 0];
  for (let y = y0; y < y0 + ch; y++) {
    for (let x = x0; x < x0 + cw; x++) for (let c = 0; c < 3; c++) mean[c] += data[3 * (y * width + x) + c];
  }
  const [r, g, b] = mean.map((v) => v / (cw * ch) / 127.5 - 1);
  return [r, g, b, r * g, g * b, b * r, scale * (r - b), scale * (g - r)];
}

/** Tools that open the toy network; `networks` collects them. The checkpoint's content does not matter. */
export function toyTools(milliseconds = 0): EvalTools & { networks: ToyNetwork[] } {
  const networks: ToyNetwork[] = [];
  return {
    networks,
    async openModel() {
      const network = new ToyNetwork(milliseconds);
      networks.push(network);
      return { network, backend: new CpuBackend(), device: "toy", close: () => network.destroy() };
    },
    async download() {
      throw new Error("no download in this test");
    },
  };
}

/** Writes photos, ground truth, a model file and a configuration into `folder`; returns the configuration's path. */
export async function writeToyData(folder: string): Promise<string> {
  mkdirSync(join(folder, "photos"), { recursive: true });
  const imlist: string[] = [];
  const qimlist: string[] = [];
  const gnd: { easy: number[]; hard: number[]; junk: number[]; bbx: number[] | null }[] = [];
  for (let scene = 0; scene < SCENES; scene++) {
    for (let view = 0; view < VIEWS; view++) {
      const name = `scene${scene}_${view}.png`;
      await writePhoto(join(folder, "photos", name), scene, view);
      if (view === 0) qimlist.push(name);
      else imlist.push(name);
    }
    const first = scene * (VIEWS - 1);
    gnd.push({ easy: [first], hard: [first + 1], junk: [first + 2], bbx: scene === 0 ? [0, 0, 30, 24] : null });
  }
  writeFileSync(join(folder, "gnd.json"), JSON.stringify({ imlist, qimlist, gnd }));
  writeFileSync(join(folder, "model.pth"), "toy");
  const config = join(folder, "toy.yml");
  const own = "{name: toy, images: photos, gnd: gnd.json}";
  writeFileSync(
    config,
    `demo_eval: {data_folder: ${folder}, exp_folder: ${folder}/experiments, net_path: ${folder}/model.pth}
evaluation:
  inference: {image_size: 64, scales: [1, 0.5], features_num: 20}
  global_descriptor: {datasets: [${own}]}
  local_descriptor:
    datasets: [${own}]
    codebook_training: {images: 8, scales: [1], dataset: ${own}}
    asmk: {train_codebook: {codebook: {size: 12}}, query_ivf: {quantize: {multiple_assignment: 2}}}
`,
  );
  return config;
}

/** 48 × 40 pixels: a coarse colour pattern of the scene, shifted and lit by the view. */
async function writePhoto(file: string, scene: number, view: number): Promise<void> {
  const [width, height] = [48, 40];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const patch = Math.floor((x + view) / 12) + 5 * Math.floor((y + view) / 10);
      for (let c = 0; c < 3; c++) {
        const tone = (scene * 97 + patch * 53 + c * 71 + (scene + 1) * patch * (c + 3) * 29) % 256;
        data[3 * (y * width + x) + c] = Math.min(255, tone * (1 - 0.06 * view) + ((x * 7 + y * 13 + view) % 9));
      }
    }
  }
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(file);
}

/** One line a unit of work, so that a parent process knows when to kill. */
const loud: Progress = {
  stage: (label) => ({ advance: () => console.log(`+ ${label}`), end() {} }),
  note: (line) => console.log(`# ${line}`),
  warn: (line) => console.log(`# warning: ${line}`),
};

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [config, milliseconds] = process.argv.slice(2);
  await runEvaluation({ config, progress: loud }, toyTools(Number(milliseconds ?? 0)));
}
