/** @file Step 3, build_ivf: the chunks of a database, in the order of their images, into one inverted file. */
import { statSync } from "node:fs";
import { basename } from "node:path";
import { Asmk } from "../../../asmk/asmk.js";
import { codebookHash } from "../../../asmk/codebook.js";
import { indexStatistics } from "../../../asmk/index-statistics.js";
import type { InvertedFile } from "../../../asmk/inverted-file.js";
import { openIndex, storeIndex } from "../../../asmk/open-index.js";
import { FileFormatError, MissingDataError, UsageError } from "../../../base/errors.js";
import { stopIfAsked } from "../../progress.js";
import { fingerprint, type Ingredients } from "../fingerprint.js";
import { type Session, secondsSince } from "../session.js";
import { recipe } from "./aggregate.js";
import { readChunk } from "./chunk-file.js";
import type { StepFiles } from "./files.js";
import { checkRecord, readRecord, writeRecorded } from "./record.js";

/** Entries beyond which the reference's pickle (24 bytes an entry, read and written whole) is no form to use. */
const PICKLE_ENTRIES = 2 ** 27;

/**
 * Writes `<full>.ivf.pkl`, or `<full>.ivf.index` in our form where that is too large; leaves one that is there.
 * @param dataset whose chunks; `distractors` names the index to begin from
 * @throws MissingDataError without chunks, UsageError and FileFormatError for chunks that do not belong together
 */
export async function buildIvf(
  session: Session,
  files: StepFiles,
  trained: Asmk,
  dataset: string,
  distractors: string | null,
  pickleEntries = PICKLE_ENTRIES,
): Promise<void> {
  const { log } = session;
  const full = fullName(dataset, distractors);
  const chunks = files.chunks(dataset);
  const made: Ingredients = {
    ...indexRecipe(session, trained),
    // Chunks may be deleted once they are indexed.
    ...(chunks.length > 0 && { chunks: sumOf(chunks) }),
  };
  const present = files.presentIndex(full);
  if (present) {
    await checkRecord(session, present, made);
    log.note(`${basename(present)} is there already; nothing to do`);
    return;
  }
  if (chunks.length === 0) {
    throw new MissingDataError(
      "NoChunks",
      `${files.folder}: no ${dataset}.agg*.pkl to index; run --step aggregate_database for ${dataset} first`,
    );
  }
  const begin = performance.now();
  const asmk = new Asmk(trained.parameters, session.backend);
  asmk.useCodebook(trained.codebook);
  if (distractors) {
    const command = `--datasets-local ${distractors}`;
    asmk.useDistractors(await openStepIndex(session, files, trained, distractors, command));
  }
  const stage = log.stage(`${full} index`, chunks.length);
  try {
    for (const chunk of chunks) {
      await checkRecord(session, chunk, recipe(session, trained));
      await addChunk(asmk.index, chunk);
      stage.advance();
      stopIfAsked(session.signal);
    }
  } finally {
    stage.end();
  }
  if (asmk.index.entryCount === 0) throw new MissingDataError("EmptyIndex", `${dataset}: no image has any descriptor`);
  const file = files.index(full, asmk.index.entryCount > pickleEntries);
  const notes = { codebook: codebookHash(trained.codebook), model: session.model.sha256, names: null, properties: {} };
  await writeRecorded(file, made, () => storeIndex(file, asmk.index, notes));
  log.note(`Indexed images in ${secondsSince(begin).toFixed(2)}s`);
  log.detail(`IVF stats: ${JSON.stringify(indexStatistics(asmk.index))}`);
}

/** `<distractors>_<data set>`, or the data set alone. */
export function fullName(dataset: string, distractors: string | null): string {
  return distractors ? `${distractors}_${dataset}` : dataset;
}

/**
 * The index of an earlier step.
 * @param command the options that make it, for the message
 * @throws MissingDataError when it is not there or empty, UsageError when it was made with something else
 */
export async function openStepIndex(
  session: Session,
  files: StepFiles,
  trained: Asmk,
  full: string,
  command: string,
): Promise<InvertedFile> {
  const file = files.presentIndex(full);
  if (!file) {
    throw new MissingDataError("NoIndex", `${files.index(full)}: not there; run --step build_ivf ${command} first`);
  }
  await checkRecord(session, file, indexRecipe(session, trained));
  const { index } = await openIndex(file, { dim: trained.codebook.dim });
  if (index.entryCount === 0) {
    throw new MissingDataError(
      "EmptyIndex",
      `${file}: the index is empty (it was built without chunks); delete it, then run --step aggregate_database and build_ivf ${command}`,
    );
  }
  return index;
}

function indexRecipe(session: Session, { codebook, parameters }: Asmk): Ingredients {
  const { useIdf, binary } = parameters;
  return { model: session.model.sha256, codebook: codebookHash(codebook), use_idf: useIdf, binary };
}

/** Tells apart what files were made of. */
function sumOf(files: readonly string[]): string {
  const parts = files.map((file) => [basename(file), readRecord(file) ?? statSync(file).size]);
  return fingerprint({ parts }).toString("hex");
}

/** Adds one chunk, which closes it: with idf the weights depend on this, as in the reference. */
async function addChunk(index: InvertedFile, file: string): Promise<void> {
  const rows = readChunk(file, index.dim);
  try {
    await index.add(rows);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new FileFormatError("MalformedFile", file, error.message, { cause: error });
  }
}
