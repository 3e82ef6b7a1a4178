/**
 * @file The codebook of an evaluation: given as a file, found in the experiment's cache, or trained. Training keeps its
 * features and its state after every iteration, so a killed run goes on where it was.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Asmk } from "../../asmk/asmk.js";
import type { Codebook } from "../../asmk/codebook.js";
import { makeCodebook } from "../../asmk/codebook.js";
import { readCodebook, type StoredCodebook, writeCodebook } from "../../asmk/codebook-file.js";
import type { KmeansIteration } from "../../asmk/kmeans.js";
import { type AsmkParameters, asmkParameters } from "../../asmk/parameters.js";
import { FileFormatError, MissingDataError, UsageError } from "../../base/errors.js";
import { howToGet } from "../../data/datasets/load.js";
import { Interrupted } from "../progress.js";
import { CachedFeatures, type DescribedRequest } from "./feature-cache.js";
import { localRequest, openDescriptors } from "./features.js";
import { fingerprint } from "./fingerprint.js";
import { wholePhotos } from "./photos.js";
import { inferenceOf, type Session, secondsSince } from "./session.js";

/** Raised when training gives other centroids from the same descriptors. */
const RECIPE = 1;
const ITERATIONS = 10;

/**
 * An Asmk with its codebook, ready to index. A codebook given as a file decides the number of words; else it is that of
 * the configuration.
 * @throws UsageError when a given codebook does not fit the network; what training throws
 */
export async function prepareAsmk(session: Session): Promise<Asmk> {
  const { asmk: section, codebook: given } = session.params.evaluation.local_descriptor;
  const parameters = asmkParameters(section);
  if (!given) {
    const asmk = new Asmk(parameters, session.backend);
    asmk.useCodebook(await cachedCodebook(session, parameters));
    return asmk;
  }
  const codebook = readFitting(session, given);
  session.log.note(`codebook: ${codebook.words} words from ${given}`);
  const asmk = new Asmk({ ...parameters, words: codebook.words, size: codebook.size }, session.backend);
  asmk.useCodebook(codebook);
  return asmk;
}

/** Reads a codebook file. @throws UsageError when its dimension is not that of the network's descriptors */
export function readFitting({ model }: Session, file: string): StoredCodebook {
  const codebook = readCodebook(file);
  const dim = model.network.outputDim;
  if (codebook.dim === dim) return codebook;
  throw new UsageError(
    "CodebookDimension",
    `${file}: a codebook of ${codebook.dim} dimensions; the network's descriptors have ${dim}`,
  );
}

async function cachedCodebook(session: Session, parameters: AsmkParameters): Promise<Codebook> {
  const { log, store } = session;
  const request = await trainingRequest(session);
  const { words, size } = parameters;
  const print = fingerprint({ features: request.print.toString("hex"), words, recipe: RECIPE }).toString("hex");
  const file = join(store.folder, `codebook-${print.slice(0, 16)}.safetensors`);
  const kept = readKept(file, print, (line) => log.warn(`${line}; training the codebook again`));
  if (kept) {
    const unverified = kept.sealed ? "" : "; written by an older version, its notes have no checksum";
    log.note(
      `codebook: reusing ${words} words of an earlier run (same model, preprocessing, images and size${unverified})`,
    );
    return makeCodebook(kept.centroids, kept.dim, size);
  }
  const begin = performance.now();
  const asmk = new Asmk(parameters, session.backend);
  const partial = join(store.folder, `codebook-${print.slice(0, 16)}.partial`);
  await train(session, asmk, request, { file: partial, print });
  writeCodebook(file, asmk.codebook, { fingerprint: print, model: session.model.sha256 });
  rmSync(partial, { force: true });
  log.note(`Codebook trained in ${secondsSince(begin).toFixed(1)}s`);
  return asmk.codebook;
}

/** The first `codebook_training.images` images of its data set, at its scales. */
async function trainingRequest(session: Session): Promise<DescribedRequest> {
  const { codebook_training: training } = session.params.evaluation.local_descriptor;
  const inference = inferenceOf(session.params);
  const featuresNum = training.features_num === undefined ? inference.featuresNum : training.features_num;
  try {
    // Only the first of its images are wanted; their request looks whether they are there.
    const { images } = await session.dataset(training.dataset, false);
    const photos = wholePhotos(images.slice(0, training.images));
    const wanted = { ...inference, scales: training.scales, featuresNum };
    return await localRequest(session.model, "codebook", photos, wanted, session.store.skips);
  } catch (error) {
    if (!(error instanceof MissingDataError)) throw error;
    // The description tells already how to get itself; its photos may be missing alone.
    const hint = error.code === "ImageMissing" ? howToGet(training.dataset, session.params.demo_eval.data_folder) : "";
    const message = `${error.message}${hint}; they are for the codebook: --codebook FILE uses a trained one, codebook_training.dataset other images`;
    throw new MissingDataError(error.code, message, { cause: error });
  }
}

/** Where the state of a training is kept, and what it depends on. */
interface Partial {
  readonly file: string;
  readonly print: string;
}

async function train(session: Session, asmk: Asmk, request: DescribedRequest, partial: Partial): Promise<void> {
  const { log, signal } = session;
  const features = await CachedFeatures.open(session.store, request);
  try {
    const source = await openDescriptors(features);
    const resume = readPartial(partial, (line) => log.warn(`${line}; k-means begins anew`));
    if (resume) log.note(`codebook: continuing after iteration ${resume.iteration} of ${ITERATIONS}`);
    const stage = log.stage(`codebook of ${asmk.parameters.words} words`, ITERATIONS, resume?.iteration);
    let iterations = resume?.iteration ?? 0;
    let outcome: string | undefined;
    try {
      await asmk.trainCodebook(
        source,
        ({ finished }) => {
          if (!finished) return;
          writePartial(partial, finished, source.dim);
          log.detail(iterationLine(finished));
          iterations = finished.iteration;
          stage.advance();
        },
        { iterations: ITERATIONS, sampleOrder: "source", signal, resume, onWarning: (text) => log.warn(text) },
      );
      if (iterations < ITERATIONS) {
        outcome = `converged after ${iterations} of at most ${ITERATIONS} iterations`;
        log.detail(`k-means ${outcome}`);
      }
    } finally {
      stage.end(outcome);
    }
  } catch (error) {
    throw signal?.aborted ? new Interrupted() : error;
  } finally {
    await features.close();
  }
}

function iterationLine({ iteration, objective, imbalance, empty }: KmeansIteration): string {
  const numbers = `objective ${objective.toPrecision(8)}, imbalance ${imbalance.toFixed(3)}`;
  return `k-means iteration ${iteration}: ${numbers}, ${empty} empty words`;
}

function writePartial({ file, print }: Partial, state: KmeansIteration, dim: number): void {
  const { iteration, objective, centroids } = state;
  const numbers = { iteration: String(iteration), objective: String(objective) };
  writeCodebook(file, makeCodebook(centroids, dim), { ...numbers, fingerprint: print });
}

/** The state of an earlier run; a damaged one is as good as none, which `warn` is told. */
function readPartial(
  { file, print }: Partial,
  warn: (line: string) => void,
): Pick<KmeansIteration, "iteration" | "objective" | "centroids"> | undefined {
  const kept = readKept(file, print, warn);
  if (!kept) return undefined;
  const [iteration, objective] = [kept.metadata.iteration, kept.metadata.objective].map(Number);
  if (kept.sealed && Number.isInteger(iteration) && iteration >= 1 && iteration <= ITERATIONS)
    return { iteration, objective, centroids: kept.centroids };
  warn(`${file}: not a state of k-means`);
  return undefined;
}

/** A codebook file of the cache, if it is whole and of this fingerprint; `warn` is told when it is damaged. */
function readKept(file: string, print: string, warn: (line: string) => void): StoredCodebook | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const kept = readCodebook(file);
    if (kept.metadata.fingerprint === print) return kept;
    warn(`${file}: ${kept.sealed ? "of another training" : "of an older version, without a checksum over all of it"}`);
  } catch (error) {
    if (!(error instanceof FileFormatError)) throw error;
    warn(error.message);
  }
  return undefined;
}
