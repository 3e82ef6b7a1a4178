/** @file A fault of SOLAR's mining, for those who want the same negatives. */

/**
 * SOLAR computes descriptors in batches of 50 and stores batch i at column i × (size of *this* batch): a last batch that
 * is not full overwrites earlier columns and leaves the end of the matrix zero.
 * @returns for each column the image whose descriptor is there, −1 where it stayed zero
 */
export function solarColumns(images: number, batch = 50): Int32Array {
  const columns = new Int32Array(images).fill(-1);
  for (let i = 0; i * batch < images; i++) {
    const size = Math.min(batch, images - i * batch);
    for (let k = 0; k < size; k++) columns[i * size + k] = i * batch + k;
  }
  return columns;
}
