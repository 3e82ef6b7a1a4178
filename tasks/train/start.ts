/** @file Where the first weights come from: `model.pretrained` of the configuration (spec: fire.md §5.1, how.md §1). */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MissingDataError, UsageError } from "../../base/errors.js";
import type { RgbImage } from "../../base/image.js";
import { fileNameOf, isAddress } from "../../data/download/file-name.js";
import type { Download } from "../evaluate/model-file.js";
import { stopIfAsked } from "../progress.js";
import type { TrainSession } from "./session.js";
import type { FirstWeights } from "./workbench.js";

/** torchvision's ImageNet weights: what `pretrained: true` of HOW means. Eight digits of the SHA-256 end each name. */
const TORCHVISION: Readonly<Record<string, string>> = {
  resnet18: "resnet18-5c106cde.pth",
  resnet34: "resnet34-333f7ec4.pth",
  resnet50: "resnet50-19c8e357.pth",
  resnet101: "resnet101-5d3b4d8f.pth",
  resnet152: "resnet152-b121ed2d.pth",
};

/** Where the file to begin from is or will be, and its address if it has one; no file: random weights. */
export interface StartPlace {
  readonly file: string | null;
  readonly url: string | null;
}

/**
 * Of `model.pretrained`: URLs are kept in `<data>/pretraining/`; null begins from random weights. Nothing is fetched.
 * @throws MissingDataError when a file is not there; UsageError when torchvision has no such trunk, or an address has no
 *   usable name
 */
export function whereStartIs(pretrained: string | boolean | null, architecture: string, root: string): StartPlace {
  if (pretrained === null || pretrained === false) return { file: null, url: null };
  const place = pretrained === true ? torchvisionUrl(architecture) : pretrained;
  if (isAddress(place)) return { file: join(root, startPath(place)), url: place };
  if (existsSync(place)) return { file: place, url: null };
  throw new MissingDataError("ModelMissing", `${place}: no such file to begin from (model.pretrained)`);
}

function startPath(url: string): string {
  return join("pretraining", fileNameOf(url));
}

/** The file to begin from, fetched if it is a URL; null begins from random weights. @throws as {@link whereStartIs} */
export async function findStart(
  pretrained: string | boolean | null,
  architecture: string,
  root: string,
  download: Download,
): Promise<string | null> {
  const { file, url } = whereStartIs(pretrained, architecture, root);
  if (url !== null) await download(url, startPath(url), root);
  return file;
}

function torchvisionUrl(architecture: string): string {
  const name = TORCHVISION[architecture];
  if (!name)
    throw new UsageError(
      "NoPretrained",
      `model.pretrained: true — expected one of ${Object.keys(TORCHVISION).join(", ")} as architecture, got ${architecture}`,
    );
  return `https://download.pytorch.org/models/${name}`;
}

/** Photos that give the frozen batch norms of a network from nothing their statistics. */
const PHOTOS = 16;

/** First weights of the session's network: `model.pretrained`, or random ones. */
export async function startWeights(
  { settings, root, bench, set, loader, skips, signal }: Omit<TrainSession, "log">,
  download: Download,
): Promise<FirstWeights & { readonly file: string | null }> {
  const { pretrained, architecture } = settings.params.model;
  const file = await findStart(pretrained, architecture, root, download);
  const photos: RgbImage[] = [];
  if (file === null) {
    const count = Math.min(PHOTOS, set.images.length);
    const paths = Array.from({ length: count }, (_, i) => set.images[Math.floor((i * set.images.length) / count)]);
    const requests = paths.map((path) => ({ path }));
    for await (const { image, error } of loader.load(requests, { imageSize: settings.runtime.image_size })) {
      if (error) skips.add(error);
      else photos.push(image);
    }
    skips.requireSome(photos.length, count, "training");
  }
  stopIfAsked(signal);
  return { ...(await bench.start(settings, file, photos, () => stopIfAsked(signal))), file };
}
