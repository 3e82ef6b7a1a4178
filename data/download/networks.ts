/** @file Trained networks and whitening layers that their authors published: addresses and file names. */
import type { Asset, AssetGroup } from "./asset-types.js";

const cirtorch = "http://cmp.felk.cvut.cz/cnnimageretrieval/data";

/** Networks of cirtorch, in the folder of the data they were trained on; seven digits of the SHA-256 end each name. */
const cirtorchNetworks: Readonly<Record<string, readonly string[]>> = {
  "networks/retrieval-SfM-120k": [
    "retrievalSfM120k-vgg16-gem-b4dcdc6",
    "retrievalSfM120k-resnet101-gem-b80fb85",
    "rSfM120k-tl-resnet50-gem-w-97bf910",
    "rSfM120k-tl-resnet101-gem-w-a155e54",
    "rSfM120k-tl-resnet152-gem-w-f39cada",
  ],
  "networks/gl18": [
    "gl18-tl-resnet50-gem-w-83fdc30",
    "gl18-tl-resnet101-gem-w-a4d43db",
    "gl18-tl-resnet152-gem-w-21278d5",
  ],
  "networks/imagenet": [
    "imagenet-caffe-vgg16-features-d369c8e",
    "imagenet-caffe-resnet50-features-ac468af",
    "imagenet-caffe-resnet101-features-10a101d",
    "imagenet-caffe-resnet152-features-1011020",
  ],
  "whiten/retrieval-SfM-120k": [
    "resnet101-lwhiten-9f830ef",
    "alexnet-gem-r-rwhiten-c8cf7e2",
    "vgg16-gem-r-rwhiten-19b204e",
    "resnet101-mac-r-rwhiten-7f1ed8c",
    "resnet101-gem-r-rwhiten-adace84",
    "alexnet-gem-whiten-454ad53",
    "alexnet-gem-r-whiten-4c9126b",
    "vgg16-gem-whiten-eaa6695",
    "vgg16-gem-r-whiten-83582df",
    "resnet50-gem-whiten-f15da7b",
    "resnet101-mac-r-whiten-9df41d3",
    "resnet101-gem-whiten-22ab0c1",
    "resnet101-gem-r-whiten-b379c0a",
    "resnet101-gemmp-whiten-770f53c",
    "resnet152-gem-whiten-abe7b93",
    "densenet121-gem-whiten-79e3eea",
    "densenet169-gem-whiten-6b2a76a",
    "densenet201-gem-whiten-22ea45c",
  ].map((name) => `retrieval-SfM-120k-${name}`),
};

/** A group a network: its name without the digits. */
function cirtorchGroups(): Record<string, AssetGroup> {
  const groups: Record<string, AssetGroup> = {};
  for (const [folder, files] of Object.entries(cirtorchNetworks))
    for (const file of files) {
      const [, name, sha256] = /^(.*)-([0-9a-f]{7})$/.exec(file) as RegExpExecArray;
      const asset: Asset = {
        kind: "file",
        url: `${cirtorch}/${folder}/${file}.pth`,
        path: `networks/${file}.pth`,
        sha256,
      };
      const what = folder.startsWith("whiten")
        ? "whitening layer"
        : folder.endsWith("imagenet")
          ? "start weights"
          : "network";
      const use = what === "start weights" ? "as trunk of init" : "by other programs";
      const remark = `a ${what} of cirtorch, which eval and extract cannot load; it can be used ${use}`;
      groups[name] = { about: `cirtorch ${what} (not for eval)`, remark, assets: [asset] };
    }
  return groups;
}

const one = (about: string, url: string, path: string, remark?: string): AssetGroup => ({
  about,
  ...(remark ? { remark } : {}),
  assets: [{ kind: "file", url, path }],
});

/** What holds for all files of SOLAR. */
const noSolar = "a file of SOLAR, which eval and extract cannot load: they know FIRe and HOW";

const naver = "http://download.europe.naverlabs.com/ComputerVision/FIRe";
const how = "http://ptak.felk.cvut.cz/personal/toliageo/share/how/models";
const solar = "https://imperialcollegelondon.box.com/shared/static";

/** Networks by name. Paths are relative to the data root, where the original projects keep them. */
export const networks: Readonly<Record<string, AssetGroup>> = {
  fire: one("FIRe, trained on SfM-120k (CC BY-NC-SA 4.0)", `${naver}/official/fire.pth`, "models/fire.pth"),
  fire_imagenet: one(
    "FIRe's start for training: ImageNet trunk and LIT (CC BY-NC-SA 4.0)",
    `${naver}/pretraining/fire_imagenet.pth`,
    "pretraining/fire_imagenet.pth",
  ),
  how_r18: one("HOW, ResNet-18", `${how}/how_r18.pth`, "models/how_r18.pth"),
  "how_r50-": one("HOW, ResNet-50 without its last stage", `${how}/how_r50-.pth`, "models/how_r50-.pth"),
  solar: one(
    "SOLAR global, ResNet-101 (not for eval)",
    `${solar}/fznpeayct6btel2og2wjjgvqw0ziqnk4.pth`,
    "networks/resnet101-solar-best.pth",
    noSolar,
  ),
  solar_local: one(
    "SOLAR local descriptors, 345, Liberty (not for eval)",
    `${solar}/4djweum6gs30os243zqzplhafxlys31z.pth`,
    "networks/local-solar-345-liberty.pth",
    noSolar,
  ),
  solar_revisitop1m: one(
    "SOLAR's descriptors of the million distractors (8.2 GB; not for eval)",
    `${solar}/e9z542xirf1awck2iwr8yutubn85srnk.pt`,
    "features/resnet101-solar-best.pth_vecs_revisitop1m.pt",
    noSolar,
  ),
  ...cirtorchGroups(),
};
