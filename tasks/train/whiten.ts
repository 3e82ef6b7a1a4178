/** @file The whitening before training: PCA of descriptors of the first training images (spec: fire.md §5.2). */
import { f32Tensor, type HostTensor } from "../../base/tensor.js";
import { Covariance } from "../../nets/whitening/covariance.js";
import { asConvolution, pcaWhitening } from "../../nets/whitening/pca.js";
import { secondsSince } from "../evaluate/session.js";
import { stopIfAsked } from "../progress.js";
import { flippedRequests, streamOf, type TrainSession } from "./session.js";

/**
 * Replaces `dim_reduction` in the state by the whitening of the network's own descriptors. The images are mirrored at
 * random as in training. Nothing is kept on disk: a run that is killed here begins the whitening again.
 * @throws NumericError when there are too few descriptors
 */
export async function initialiseWhitening(session: TrainSession, state: Map<string, HostTensor>): Promise<void> {
  const { settings, set, bench, loader, log, skips } = session;
  const { initialize_dim_reduction: options } = settings.params.training;
  if (options === false) return;
  const begin = performance.now();
  log.note("Initializing network whitening");
  const network = bench.unwhitened(settings, state);
  try {
    const count = Math.min(options.images, set.images.length);
    const images = Int32Array.from({ length: count }, (_, i) => i);
    const requests = flippedRequests(session, images, streamOf(session, "whitening"));
    const statistics = new Covariance(network.outputDim);
    const { training_scales: scales, image_size: imageSize, features_num: limit } = settings.runtime;
    const stage = log.stage("whitening", count);
    let last: Float32Array = new Float32Array(0);
    for await (const { image, error } of loader.load(requests, { imageSize })) {
      stage.advance();
      if (error) {
        skips.add(error);
        continue;
      }
      // Sixty milliseconds an image of 256 × 1024 numbers: done while the device describes the next one.
      const [found] = await Promise.all([
        network.extractLocal(image, { scales, featuresNum: options.features_num ?? limit }),
        Promise.resolve(last).then((rows) => statistics.add(rows)),
      ]);
      last = found.descriptors;
      stopIfAsked(session.signal);
    }
    statistics.add(last);
    stage.end();
    const outputDim = settings.net.dim_reduction?.dim as number;
    const { weight, bias } = asConvolution(pcaWhitening(statistics, outputDim));
    state.set("dim_reduction.weight", f32Tensor([outputDim, statistics.dim, 1, 1], weight));
    state.set("dim_reduction.bias", f32Tensor([outputDim], bias));
  } finally {
    network.destroy();
  }
  log.detail(`Network whitening initialized in ${secondsSince(begin).toFixed(1)}s`);
}
