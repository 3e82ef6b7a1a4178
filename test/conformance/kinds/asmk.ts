/** @file Quantise, aggregate, inverted file, search and the reference's cache files, on every backend there is. */
import { readFileSync } from "node:fs";
import { type AsmkBackend, CpuBackend } from "../../../asmk/backend.js";
import { type Codebook, makeCodebook } from "../../../asmk/codebook.js";
import { readCodebook } from "../../../asmk/codebook-file.js";
import { GpuBackend } from "../../../asmk/gpu/backend.js";
import { indexStatistics } from "../../../asmk/index-statistics.js";
import { InvertedFile } from "../../../asmk/inverted-file.js";
import { squaredDistance } from "../../../asmk/nearest.js";
import type { SearchOptions } from "../../../asmk/parameters.js";
import type { Ranking } from "../../../asmk/rank.js";
import { readReferenceIndex } from "../../../asmk/reference-index-file.js";
import { sliceRows, splitByImage, type WordRows } from "../../../asmk/word-rows.js";
import { type Check, checkThat, compareExact, type GoldenCase } from "../case.js";
import { sharedDevice } from "../networks.js";

const STANDARD: SearchOptions = { topk: null, similarityThreshold: 0, alpha: 3 };

export default async function run(golden: GoldenCase): Promise<Check[]> {
  const { data, shape } = golden.read("centroids");
  const codebook = makeCodebook(data as Float32Array, shape[1]);
  const checks = await new AsmkCase(golden, codebook, new CpuBackend()).run();
  const gpu = new GpuBackend(await sharedDevice());
  for (const check of await new AsmkCase(golden, codebook, gpu).run())
    checks.push({ ...check, tensor: `${check.tensor} (gpu)` });
  gpu.destroy();
  return checks;
}

class AsmkCase {
  private readonly checks: Check[] = [];
  private readonly names: string[];

  constructor(
    private readonly golden: GoldenCase,
    private readonly codebook: Codebook,
    private readonly backend: AsmkBackend,
  ) {
    this.names = Object.keys(golden.json.tensors);
  }

  async run(): Promise<Check[]> {
    await this.quantise();
    await this.aggregate();
    for (const kernel of ["bin", "bin_idf", "float", "float_idf"]) {
      const index = this.emptyIndex(kernel);
      await index.add(await this.rows("db", 1, index.binary));
      await this.index(kernel, index);
      await this.searches(kernel, index);
    }
    await this.variants();
    await this.caches();
    return this.checks;
  }

  private async quantise(): Promise<void> {
    const { dim, centroids } = this.codebook;
    for (const name of this.names) {
      const match = /^quantize\/(db|q)_ma(\d+)$/.exec(name);
      if (!match) continue;
      const ma = Number(match[2]);
      const descriptors = this.golden.f32(`${match[1]}_des`);
      const words = await this.backend.quantise(this.codebook, descriptors, ma);
      this.compare(name, words);
      const distances = Array.from(words, (w, i) =>
        squaredDistance(descriptors, Math.floor(i / ma), centroids, w, dim),
      );
      this.compare(`${name}_sqdist`, distances);
    }
  }

  private async aggregate(): Promise<void> {
    for (const name of this.names) {
      const match = /^aggregate\/(bin|float)_(db|q)_ma(\d+)\/words$/.exec(name);
      if (!match) continue;
      const rows = await this.rows(match[2], Number(match[3]), match[1] === "bin");
      const folder = name.slice(0, -"/words".length);
      this.compare(name, rows.words);
      this.compare(`${folder}/imids`, rows.images);
      if (rows.codes instanceof Uint32Array) this.compare(`${folder}/packed`, new Int32Array(rows.codes.buffer));
      else this.compare(`${folder}/desc`, rows.codes);
    }
  }

  private async index(kernel: string, index: InvertedFile): Promise<void> {
    this.compare(`ivf/${kernel}/counts`, index.counts);
    this.compare(`ivf/${kernel}/idf`, index.idf);
    this.compare(`ivf/${kernel}/norm_factor`, index.state().norms);
    const { images, codes } = await allEntries(index);
    this.compare(`ivf/${kernel}/image_ids_by_word`, images);
    if (codes instanceof Uint32Array && this.golden.has(`ivf/${kernel}/vecs_by_word`))
      this.compare(`ivf/${kernel}/vecs_by_word`, new Int32Array(codes.buffer));
    const want = this.golden.json.ivf_stats[kernel] as Record<string, number>;
    for (const [key, value] of Object.entries(indexStatistics(index)))
      this.checks.push(
        checkThat(
          `ivf/${kernel} ${key}`,
          Math.abs(value - want[key]) <= 1e-12 * Math.abs(value),
          `${want[key]}, got ${value}`,
        ),
      );
  }

  private async searches(kernel: string, index: InvertedFile): Promise<void> {
    const pattern = /^search\/([a-z_]+)\/ma(\d+)_top(None|\d+)_thr([-\d.]+)_a([-\d.]+)\/ranks$/;
    for (const name of this.names) {
      const match = pattern.exec(name);
      if (match?.[1] !== kernel) continue;
      const options = {
        topk: match[3] === "None" ? null : Number(match[3]),
        similarityThreshold: Number(match[4]),
        alpha: Number(match[5]),
      };
      await this.search(name.slice(0, -"/ranks".length), index, Number(match[2]), options);
    }
  }

  /** Two chunks instead of one, distractors, and a database with two words a descriptor. */
  private async variants(): Promise<void> {
    const rows = await this.rows("db", 1, true);
    const split = Number(/images < (\d+)/.exec(String(this.golden.note("chunks/idf").desc))?.[1]);
    const first = rows.images.filter((id) => id < split).length;

    const chunked = this.emptyIndex("bin_idf");
    await chunked.add(sliceRows(rows, 0, first));
    await chunked.add(sliceRows(rows, first, rows.images.length));
    this.compare("chunks/idf", chunked.idf);
    await this.search("chunks", chunked, 5, STANDARD);

    const few = Number(/images < (\d+)/.exec(String(this.golden.note("distractors/ranks").desc))?.[1]);
    const withDistractors = this.readCache("ivf_bin.pkl").asDistractors();
    await withDistractors.add(sliceRows(rows, 0, rows.images.filter((id) => id < few).length));
    await this.search("distractors", withDistractors, 5, STANDARD);

    const double = this.emptyIndex("bin");
    await double.add(await this.rows("db", 2, true));
    this.compare("db_ma2/counts", double.counts);
    await this.search("db_ma2", double, 5, STANDARD);
  }

  /** Every cache file holds what was built above. */
  private async caches(): Promise<void> {
    for (const file of Object.keys(this.golden.json.cache_files as Record<string, number>)) {
      if (file.startsWith("codebook")) {
        const { centroids, size } = readCodebook(this.golden.path(`caches/${file}`));
        this.checks.push(compareExact(`caches/${file}`, centroids, this.codebook.centroids));
        const want = this.golden.json.codebook.size_parameter;
        this.checks.push(checkThat(`caches/${file} size`, size === want, `${want}, got ${size}`));
        continue;
      }
      const kernel = /^ivf_(bin_idf|float_idf|bin|float)/.exec(file)?.[1] ?? "";
      const index = this.readCache(file);
      const built = this.emptyIndex(kernel);
      await built.add(await this.rows("db", 1, built.binary));
      const [got, want] = [await allEntries(index), await allEntries(built)];
      this.checks.push(
        compareExact(`caches/${file} counts`, index.counts, built.counts),
        compareExact(`caches/${file} images`, got.images, want.images),
        checkThat(`caches/${file} idf`, index.useIdf === built.useIdf && index.imidOffset === 0),
      );
      if (index.binary) this.checks.push(compareExact(`caches/${file} codes`, got.codes, want.codes));
      const name = `search/${kernel}/ma5_topNone_thr0.0_a3.0`;
      await this.search(name, index, 5, STANDARD, `caches/${file} `);
    }
  }

  private async search(
    name: string,
    index: InvertedFile,
    ma: number,
    options: SearchOptions,
    prefix = "",
  ): Promise<void> {
    const queries = splitByImage(await this.rows("q", ma, index.binary));
    const rankings = await this.backend.search(index, queries, options);
    const scores = rankings.flatMap((r) => [...r.scores]);
    const check = this.golden.compare(`${name}/scores`, scores, 1);
    this.checks.push({ ...check, tensor: prefix + check.tensor });
    this.checks.push(compareRanks(this.golden, name, rankings, prefix));
  }

  private async rows(set: string, ma: number, binary: boolean): Promise<WordRows> {
    const images = Int32Array.from(this.golden.read(`${set}_imids`).data, Number);
    return this.backend.encode(this.codebook, this.golden.f32(`${set}_des`), images, {
      multipleAssignment: ma,
      binary,
    });
  }

  private emptyIndex(kernel: string): InvertedFile {
    const { words, dim } = this.codebook;
    return InvertedFile.create({ words, dim, binary: kernel.startsWith("bin"), useIdf: kernel.endsWith("_idf") });
  }

  private readCache(file: string): InvertedFile {
    const path = this.golden.path(`caches/${file}`);
    return readReferenceIndex(readFileSync(path), path, this.codebook.dim);
  }

  private compare(name: string, got: ArrayLike<number | bigint>): void {
    this.checks.push(this.golden.compare(name, got, 1));
  }
}

/** All lists, one after another by word. */
async function allEntries(index: InvertedFile): Promise<{ images: number[]; codes: Uint32Array | Float32Array }> {
  const lists = await Promise.all([...index.counts.keys()].map((w) => index.entriesOf(w)));
  const codes = lists.flatMap((l) => [...l.codes]);
  return {
    images: lists.flatMap((l) => [...l.images]),
    codes: index.binary ? Uint32Array.from(codes) : Float32Array.from(codes),
  };
}

/** Equal ranks, except that images whose scores are exactly equal may come in any order (the reference's is unstable). */
function compareRanks(golden: GoldenCase, name: string, rankings: readonly Ranking[], prefix: string): Check {
  const want = golden.read(`${name}/ranks`);
  const scores = golden.read(`${name}/scores`).data;
  const columns = want.shape[1];
  const lastScore = (q: number) => Number(scores[q * columns + columns - 1]);
  const got = rankings.flatMap((ranking, q) => {
    const scoreOf = new Map<number, number>();
    for (let r = 0; r < columns; r++) scoreOf.set(Number(want.data[q * columns + r]), Number(scores[q * columns + r]));
    return Array.from(ranking.ids, (id, r) => {
      const tie = (scoreOf.get(id) ?? lastScore(q)) === Number(scores[q * columns + r]);
      return tie ? Number(want.data[q * columns + r]) : id;
    });
  });
  const check = compareExact(`${name}/ranks`, got, want.data as ArrayLike<number>);
  const distinct = rankings.every((r) => new Set(r.ids).size === r.ids.length);
  return { ...check, tensor: prefix + check.tensor, ok: check.ok && distinct };
}
