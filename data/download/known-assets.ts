/** @file What is known of an address that a user or a configuration names. */
import type { FileAsset } from "./asset-types.js";
import { assetGroups } from "./assets.js";
import { webAddress } from "./file-name.js";

/** Its files end in the first eight digits of their SHA-256, which torch itself insists on. */
const TORCH = "download.pytorch.org";

/** One address as something to be downloaded to a path below the data root, with its hash where one is known. */
export function assetOf(url: string, path: string): FileAsset {
  for (const { assets } of Object.values(assetGroups))
    for (const asset of assets) if (asset.kind === "file" && asset.url === url) return { ...asset, path };
  const { hostname, pathname } = webAddress(url);
  const sha256 = hostname === TORCH ? /-([0-9a-f]{8,64})\.pth$/.exec(pathname)?.[1] : undefined;
  return { kind: "file", url, path, ...(sha256 ? { sha256, certain: true } : {}) };
}
