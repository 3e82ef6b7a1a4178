/** @file The kinds of things that can be downloaded. */

/** One file, kept as it is. */
export interface FileAsset {
  readonly kind: "file";
  readonly url: string;
  /** Relative to the data root. */
  readonly path: string;
  /**
   * SHA-256 in hex, all of it or its beginning. `certain` ones come from copies of the file; the others from its name,
   * where the publisher's tools put the first seven digits: a difference is told, not refused.
   */
  readonly sha256?: string;
  readonly certain?: boolean;
}

/** Photos in a .tar.gz, perhaps cut into parts; deleted once unpacked. */
export interface ArchiveAsset {
  readonly kind: "archive";
  readonly urls: readonly string[];
  /** Folder unpacked into, relative to the data root. */
  readonly folder: string;
  readonly placement: "flatten" | "cid" | "listed";
  /**
   * Which description tells all the photos there must be: a copy that was made by other means counts as complete when
   * they are all there.
   */
  readonly describedBy: "oxford5k" | "paris6k" | "train" | "revisitop1m" | null;
}

/** A folder of photos that another data set shares. */
export interface LinkAsset {
  readonly kind: "link";
  readonly path: string;
  readonly to: string;
}

export type Asset = FileAsset | ArchiveAsset | LinkAsset;

export interface AssetGroup {
  /** One line for a list of names. */
  readonly about: string;
  /** One line that is told before anything is fetched: what the files cannot be used for. */
  readonly remark?: string;
  /** In the order they are fetched: descriptions before the photos they describe. */
  readonly assets: readonly Asset[];
}
