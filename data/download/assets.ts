/** @file What can be downloaded, from where, and where it goes below the data root (datasets.md section 2). */
import type { ArchiveAsset, Asset, AssetGroup, FileAsset, LinkAsset } from "./asset-types.js";
import { networks } from "./networks.js";

const cirtorch = "http://cmp.felk.cvut.cz/cnnimageretrieval/data";
const how = "http://ptak.felk.cvut.cz/personal/toliageo/share/how";
const distractors = "http://ptak.felk.cvut.cz/revisitop/revisitop1m";
const sfm = "train/retrieval-SfM-120k";
const landmarks = "https://imperialcollegelondon.box.com/shared/static";

const groundTruth = (name: string, sha256?: string): FileAsset => ({
  kind: "file",
  url: `${cirtorch}/test/${name}/gnd_${name}.pkl`,
  path: `test/${name}/gnd_${name}.pkl`,
  ...(sha256 ? { sha256, certain: true } : {}),
});

const flat = (folder: "oxford5k" | "paris6k", url: string): ArchiveAsset => ({
  kind: "archive",
  urls: [url],
  folder: `test/${folder}/jpg`,
  placement: "flatten",
  describedBy: folder,
});

const oxford = [
  groundTruth("oxford5k"),
  flat("oxford5k", "https://www.robots.ox.ac.uk/~vgg/data/oxbuildings/oxbuild_images-v1.tgz"),
];
const paris = [
  groundTruth("paris6k"),
  flat("paris6k", "https://www.robots.ox.ac.uk/~vgg/data/parisbuildings/paris_1-v1.tgz"),
  flat("paris6k", "https://www.robots.ox.ac.uk/~vgg/data/parisbuildings/paris_2-v1.tgz"),
];

const sfmFiles: Asset[] = [
  { kind: "file", url: `${cirtorch}/train/dbs/retrieval-SfM-120k.pkl`, path: `${sfm}/retrieval-SfM-120k.pkl` },
  {
    kind: "archive",
    urls: [`${cirtorch}/train/ims/ims.tar.gz`],
    folder: `${sfm}/ims`,
    placement: "cid",
    describedBy: "train",
  },
];

const whitening: Asset[] = ["120k", "30k"].map((size) => ({
  kind: "file",
  url: `${cirtorch}/train/dbs/retrieval-SfM-${size}-whiten.pkl`,
  path: `train/retrieval-SfM-${size}/retrieval-SfM-${size}-whiten.pkl`,
}));

const distractorFiles: Asset[] = [
  { kind: "file", url: `${distractors}/revisitop1m.txt`, path: "test/revisitop1m/revisitop1m.txt" },
  ...Array.from(
    { length: 100 },
    (_, i): Asset => ({
      kind: "archive",
      urls: [`${distractors}/jpg/revisitop1m.${i + 1}.tar.gz`],
      folder: "test/revisitop1m/jpg",
      placement: "listed",
      describedBy: "revisitop1m",
    }),
  ),
];

const featureSets = ["roxford5k", "rparis6k", "sfm120k_subset20k"];
const featureNets = ["how_r18_1000", "how_r50-_1000", "how_r50-_2000"];
const features = featureSets.flatMap((set) =>
  featureNets.map((net): Asset => {
    const file = `${set}_${net}.pkl`;
    return { kind: "file", url: `${how}/features/${file}`, path: `features/${file}` };
  }),
);

/** The 22 pieces of the Google Landmarks 2018 archive, aa to av, in the order they are joined (gl18.md section 1). */
const landmarkPieces = [
  "lbk9qwtn438a0edm5g52fv0az4o8s6ml.partaa",
  "arnssx7f80vq6lhsufxrwl7xhxixpasj.partab",
  "p2zlm5gobfsk85qu2evyv0q2wnu4vr4v.partac",
  "38uo0hgxl7dmnxizzfm0t828sba1dznv.partad",
  "s1ig9xfs95vvix1zvf2t9f76cydlhntq.partae",
  "0x3idlrbbkl3j15g16tm9tt8qjybl2r2.partaf",
  "1barrmdjeh9552zhqh1zm2kvoike9a7f.partag",
  "dt9v439bmb2ckl12zulgjznqaeboujdb.partah",
  "358t3dcewmosuw7qz4oal59xjifzzq40.partai",
  "jgqm8mxjjcjx68fpjgdafzdybdt56m52.partaj",
  "0uatr2u794xz513o2uofrpl24rh7gml8.partak",
  "0j7bfq8f8ijalptl0dwt0nsozbslfmqf.partal",
  "mt04r82bl42du5sl03qkn0ms27w59qn4.partam",
  "dyg8txwd2recydersmpyu8y7n6fqszi3.partan",
  "mopb621p8lnud9m1foq98xkuqwg3a6z5.partao",
  "tpyuaj26un74nv5xl3qhljrjyph73af5.partap",
  "8qjbotgdzj1jrt7i79yv9ubag91wn6aj.partaq",
  "et02ppjjm41eebutpnv2gzdaz7iadatq.partar",
  "zu44mz608syhb9uy9thnkibeof72dg3p.partas",
  "myq5vlpyqu927ffpikn1vqw059oy38k8.partat",
  "z7cz70tj8akf2pn8otbtcggq6k75oktr.partau",
  "qwsairfpb25fg4vtmecykfq5qahb9j3v.partav",
];

const landmarkFiles: Asset[] = [
  { kind: "file", url: `${landmarks}/izj2yt4nizytt542is42wae87fg4k6sv.csv`, path: "train/gl18/train.csv" },
  { kind: "file", url: `${landmarks}/2b3vhx3unjldu27p1m31z4vwfnkvcops.csv`, path: "train/gl18/boxes_split1.csv" },
  { kind: "file", url: `${landmarks}/d2ui9mjwcvwa6f17gaoca6w6sr7tjmzg.csv`, path: "train/gl18/boxes_split2.csv" },
  {
    kind: "archive",
    urls: landmarkPieces.map((piece) => `${landmarks}/${piece}`),
    folder: "train/gl18/jpg",
    placement: "flatten",
    describedBy: null,
  },
];

const link = (path: string, to: string): LinkAsset => ({ kind: "link", path, to });

const datasets: Readonly<Record<string, AssetGroup>> = {
  roxford5k: {
    about: "Revisited Oxford: ground truth, and the photos of oxford5k (2 GB; faces blurred since June 2022)",
    assets: [
      groundTruth("roxford5k", "ba7967754bd2d7d2210a5799f9c45ad5835e269a80ef9d3eba44caa35816c471"),
      ...oxford,
      link("test/roxford5k/jpg", "test/oxford5k/jpg"),
    ],
  },
  rparis6k: {
    about: "Revisited Paris: ground truth, and the photos of paris6k (2.5 GB; faces blurred)",
    assets: [
      groundTruth("rparis6k", "d2e729a5293dda7dda8a15c8383424a42e4964a2c4cfea2f32fa85d11d2df499"),
      ...paris,
      link("test/rparis6k/jpg", "test/paris6k/jpg"),
    ],
  },
  oxford5k: { about: "Oxford buildings, old ground truth and photos (2 GB)", assets: oxford },
  paris6k: { about: "Paris, old ground truth and photos (2.5 GB)", assets: paris },
  train: { about: "retrieval-SfM-120k: training photos and their description (more than 50 GB)", assets: sfmFiles },
  val_eccv20: {
    about: "validation set of ECCV 2020, with the training photos it is taken from (more than 50 GB)",
    assets: [
      {
        kind: "file",
        url: `${how}/dataset/retrieval-SfM-120k-val-eccv2020.pkl`,
        path: `${sfm}/retrieval-SfM-120k-val-eccv2020.pkl`,
      },
      ...sfmFiles,
    ],
  },
  whiten: { about: "descriptions of cirtorch's whitening pairs (small)", assets: whitening },
  revisitop1m: { about: "a million distractor photos in 100 archives (more than 400 GB)", assets: distractorFiles },
  gl18: { about: "Google Landmarks 2018, SOLAR's training photos (keep 700 GB free)", assets: landmarkFiles },
  how_features: {
    about: "HOW's features of Oxford, Paris and a training subset, for ASMK alone (GBs)",
    assets: features,
  },
};

/** Everything by the name a user gives. */
export const assetGroups: Readonly<Record<string, AssetGroup>> = { ...datasets, ...networks };
