/// <reference types="node" preserve="true" />
/**
 * @file The package as a program sees it: `import { openDevice, loadNetwork } from "fire-gpu"`. Names listed here are kept;
 * everything else may change from version to version. docs/api.md shows them at work.
 */

import "./engine/gpu-names.js";

// ── ASMK
export { Asmk, type DescriptorSet } from "./asmk/asmk.js";
export { type AsmkBackend, CpuBackend } from "./asmk/backend.js";
export { type Codebook, makeCodebook } from "./asmk/codebook.js";
export { readCodebook, type StoredCodebook, writeCodebook } from "./asmk/codebook-file.js";
export { GpuBackend, type GpuBackendOptions } from "./asmk/gpu/backend.js";
export { type IndexStatistics, indexStatistics } from "./asmk/index-statistics.js";
export { InvertedFile } from "./asmk/inverted-file.js";
export type { KmeansOptions, KmeansProgress } from "./asmk/kmeans.js";
export { type OpenIndexOptions, openIndex, storeIndex } from "./asmk/open-index.js";
export { type AsmkParameters, asmkParameters, type SearchOptions } from "./asmk/parameters.js";
export { type Ranking, rankScores } from "./asmk/rank.js";
export { ChunkedVectors, MemoryVectors, type VectorSource } from "./asmk/vectors.js";
// ── file formats and host tensors
export {
  DeviceError,
  FileFormatError,
  FireGpuError,
  MissingDataError,
  NumericError,
  UsageError,
  WriteError,
} from "./base/errors.js";
// ── photos and data sets
export type { ImageInput, NormalisedImage, RgbImage } from "./base/image.js";
export { type DType, type HostTensor, toFloat32 } from "./base/tensor.js";
export { listImages } from "./data/datasets/folder.js";
export { type DatasetSpec, datasetNames, type LoadDatasetOptions, loadDataset } from "./data/datasets/load.js";
export { loadTrainingSet, type TrainingOptions } from "./data/datasets/training.js";
export type { Dataset, DatasetQuery, OldRecord, RevisitedRecord, TrainingSet } from "./data/datasets/types.js";
export { type DecodeOptions, decodeImage, readImage } from "./data/decode.js";
export type { ImageError } from "./data/image-job.js";
export { positivesOf, readLandmarkSet } from "./data/landmarks/read.js";
export {
  type LandmarkParameters,
  type LandmarkSet,
  type RenderOptions,
  type RenderResult,
  renderLandmarks,
} from "./data/landmarks/render.js";
export { ImageLoader, type ImageRequest, type LoadedImage, type LoadOptions, loadImages } from "./data/loader.js";
export { type Box, type Size, thumbnail, thumbnailSize } from "./data/resize.js";
export { type DrawSizes, drawEpoch, type EpochDraw } from "./data/tuples/draw.js";
export { HardNegatives, type MinedNegatives } from "./data/tuples/hard-negatives.js";
export { renderedTrainingSet } from "./data/tuples/rendered.js";
export { RandomStream } from "./data/tuples/stream.js";
// ── networks on a device
export type { Capabilities } from "./engine/adapter.js";
export { listAdapters } from "./engine/adapter.js";
export { Device, type DeviceOptions, openDevice, type Precision } from "./engine/device.js";
export type { ProfileRow } from "./engine/profiler.js";
export type { Choices } from "./engine/tuning/choices.js";
export { openTuned, type TunedOptions } from "./engine/tuning/open.js";
export { readPickle, readPickleFile } from "./formats/pickle.js";
export { writePickle } from "./formats/pickle-write.js";
export { type Plain, PyDict, PyFloat, PyTuple, type PyValue, plain } from "./formats/python.js";
export { encodeSafetensors, readSafetensors, Safetensors } from "./formats/safetensors.js";
export { readTorch } from "./formats/torch.js";
export { writeTorch } from "./formats/torch-write.js";
export { loadNetwork } from "./nets/load.js";
export { contrastiveLoss, type LossAndGradients } from "./nets/losses/contrastive.js";
export { decorrelationLoss } from "./nets/losses/decorrelation.js";
export { type SuperfeatureLossOptions, superfeatureLoss } from "./nets/losses/superfeature.js";
export type { LocalFeatures, LocalOptions, RetrievalNetwork, RuntimeParams } from "./nets/network.js";
export { type UntrainedNetwork, type UntrainedOptions, untrainedHow } from "./nets/untrained.js";
export {
  type Checkpoint,
  type CheckpointInfo,
  type CheckpointKind,
  openCheckpoint,
  peekCheckpoint,
} from "./nets/weights/checkpoint.js";
export { type CheckpointContent, saveCheckpoint } from "./nets/weights/save.js";
export { Covariance } from "./nets/whitening/covariance.js";
export { learnWhitening } from "./nets/whitening/learned.js";
export { applyWhitening, asConvolution, pcaWhitening, type Whitening } from "./nets/whitening/pca.js";
// ── whole tasks, as the command line has them
export type { Override } from "./tasks/config/override.js";
export { type Conversion, type ConvertOptions, convertFile } from "./tasks/convert.js";
export { type DemoOptions, type DemoResult, demoCheckpoint, runDemo } from "./tasks/demo/demo.js";
export { type DeviceInfo, listDevices } from "./tasks/devices.js";
export type { DatasetResult, EvalResult } from "./tasks/evaluate/results.js";
export { type EvalOptions, type EvalTools, runEvaluation } from "./tasks/evaluate/run.js";
export { type ExtractOptions, type ExtractResult, extract } from "./tasks/extract.js";
export { type HalfPrecisionError, halfPrecisionError, halfPrecisionText } from "./tasks/half-precision.js";
export { type Inspection, inspectFile } from "./tasks/inspect.js";
// ── metrics
export {
  averagePrecision,
  type QueryScore,
  type Relevance,
  scoreQuery,
} from "./tasks/metrics/average-precision.js";
export { type MeanScore, meanAveragePrecision } from "./tasks/metrics/mean-average-precision.js";
export { type DatasetScore, headlineMap, scorePlain, scoreRevisited } from "./tasks/metrics/protocol.js";
export { type DeviceChoice, type OpenModel, openModel } from "./tasks/open-model.js";
export { Interrupted, type Progress, type Stage, silent } from "./tasks/progress.js";
export type { ReportLimits, Section } from "./tasks/report/collect.js";
export { collectReport, reportHead, writeReport } from "./tasks/report/write.js";
// ── training
export { openWorkbench } from "./tasks/train/device-workbench.js";
export type { Estimate } from "./tasks/train/estimate.js";
export type { History } from "./tasks/train/history.js";
export { runTraining, type TrainOptions, type TrainResult } from "./tasks/train/run.js";
export type { TrainTools, Workbench } from "./tasks/train/workbench.js";
export { type TuneReport, type TuneTaskOptions, tuneDevice } from "./tasks/tune.js";
