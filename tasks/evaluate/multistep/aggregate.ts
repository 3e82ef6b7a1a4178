/**
 * @file Step 2, aggregate_database: the word codes of a part of a database. What is kept for a killed run are the codes of
 * each image, a fortieth of its descriptors: a million images of 1000 descriptors would otherwise fill 500 GB.
 */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { Asmk } from "../../../asmk/asmk.js";
import { codebookHash } from "../../../asmk/codebook.js";
import { codeLength, type WordRows } from "../../../asmk/word-rows.js";
import { sha256 } from "../../../base/hash.js";
import type { RgbImage } from "../../../base/image.js";
import type { Dataset } from "../../../data/datasets/types.js";
import { stopIfAsked } from "../../progress.js";
import { CachedFeatures, describeRequest } from "../feature-cache.js";
import { isSkipped } from "../feature-codec.js";
import type { Ingredients } from "../fingerprint.js";
import { wholePhotos } from "../photos.js";
import { datasetLabel } from "../results.js";
import { inferenceOf, type Session, secondsSince } from "../session.js";
import { decodeRows, encodeRows, rowsOf, writeChunk } from "./chunk-file.js";
import { type Partition, partitionName, partitionRange, type StepFiles } from "./files.js";
import { checkRecord, writeRecorded } from "./record.js";

/** Writes the chunk of one partition, or of the whole database; leaves one that is there. */
export async function aggregateDatabase(
  session: Session,
  files: StepFiles,
  asmk: Asmk,
  dataset: Dataset,
  partition: Partition | null,
): Promise<void> {
  const { log, store } = session;
  const label = datasetLabel(dataset);
  const [first, end] = partitionRange(dataset.images.length, partition, `the database of ${label}`);
  const file = files.chunk(label, partition);
  const names = dataset.imageNames.slice(first, end);
  const made = { ...recipe(session, asmk), images: sha256(Buffer.from(JSON.stringify(names))) };
  if (existsSync(file)) {
    await checkRecord(session, file, made);
    log.note(`${basename(file)} is there already; nothing to do`);
    return;
  }
  const begin = performance.now();
  const inference = inferenceOf(session.params);
  const wanted = {
    label: `${label} database${partition ? ` ${partitionName(partition)}` : ""}`,
    photos: wholePhotos(dataset.images.slice(first, end)),
    imageSize: inference.imageSize,
    ingredients: { ...recipe(session, asmk), kind: "aggregated" },
    scales: inference.scales,
    compute: async (image: RgbImage) => {
      const features = await session.model.network.extractLocal(image, inference);
      return encodeRows(await asmk.encodeImage(0, features));
    },
  };
  const request = await describeRequest(wanted, store.skips);
  const cached = await CachedFeatures.open(store, request);
  try {
    const rows = await collect(session, cached, asmk, first);
    await writeRecorded(file, made, () => writeChunk(file, rows));
    await cached.discard();
  } finally {
    await cached.close();
  }
  log.note(`Database images aggregated in ${secondsSince(begin).toFixed(1)}s`);
}

/** What decides the codes of an image, besides the image. */
export function recipe(session: Session, { codebook, parameters }: Asmk): Ingredients {
  const { imageSize, scales, featuresNum } = inferenceOf(session.params);
  return {
    model: session.model.sha256,
    codebook: codebookHash(codebook),
    "image size": imageSize,
    scales,
    features_num: featuresNum,
    multiple_assignment: parameters.databaseAssignment,
    binary: parameters.binary,
  };
}

/** All rows of a partition whose first image is `first`: counted in one pass, which computes them, and copied in another. */
async function collect(session: Session, cached: CachedFeatures, asmk: Asmk, first: number): Promise<WordRows> {
  let count = 0;
  for await (const record of cached.records()) {
    count += isSkipped(record) ? 0 : rowsOf(record);
    stopIfAsked(session.signal);
  }
  const { dim } = asmk.codebook;
  const { binary } = asmk.parameters;
  const elements = count * codeLength(dim, binary);
  const codes = binary ? new Uint32Array(elements) : new Float32Array(elements);
  const rows: WordRows = { dim, codes, words: new Int32Array(count), images: new Int32Array(count) };
  let id = first;
  let at = 0;
  for await (const record of cached.log.read()) {
    const present = !isSkipped(record);
    if (present) decodeRows(record, id, rows, at);
    at += present ? rowsOf(record) : 0;
    id++;
  }
  return rows;
}
