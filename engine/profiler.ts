/** @file Time, FLOPs and bytes by kernel. One pass a dispatch with timestamps at its boundaries, so it slows the run down. */

/** What a dispatch must do at least: arithmetic and memory traffic, for rooflines. */
export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

export interface ProfileRow extends Cost {
  /** Op and variant, for example `conv2d/subgroup/16x64`. */
  readonly label: string;
  readonly calls: number;
  readonly ms: number;
}

const CAPACITY = 2048;

/** Collects timestamps of up to 2048 dispatches between two `collect()` calls; later ones are counted but not timed. */
export class Profiler {
  private readonly set: GPUQuerySet;
  private readonly resolved: GPUBuffer;
  private readonly labels: { label: string; cost: Cost }[] = [];
  private readonly rows = new Map<string, { calls: number; ms: number; flops: number; bytes: number }>();

  constructor(private readonly device: GPUDevice) {
    this.set = device.createQuerySet({ type: "timestamp", count: CAPACITY * 2 });
    this.resolved = device.createBuffer({
      size: CAPACITY * 16,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Timestamp slots of the next dispatch, or undefined when the set is full. */
  next(label: string, cost: Cost): GPUComputePassTimestampWrites | undefined {
    const i = this.labels.length;
    if (i >= CAPACITY) return undefined;
    this.labels.push({ label, cost });
    return { querySet: this.set, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
  }

  get full(): boolean {
    return this.labels.length >= CAPACITY;
  }

  /** Reads the timestamps of the submitted work and adds them to the rows. Call when the queue is idle. */
  async collect(wait: <T>(p: Promise<T>) => Promise<T>): Promise<void> {
    const count = this.labels.length;
    if (count === 0) return;
    const staging = this.device.createBuffer({
      size: count * 16,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    const encoder = this.device.createCommandEncoder();
    encoder.resolveQuerySet(this.set, 0, count * 2, this.resolved, 0);
    encoder.copyBufferToBuffer(this.resolved, 0, staging, 0, count * 16);
    this.device.queue.submit([encoder.finish()]);
    await wait(staging.mapAsync(GPUMapMode.READ));
    const t = new BigUint64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    this.labels.forEach(({ label, cost }, i) => {
      const row = this.rows.get(label) ?? { calls: 0, ms: 0, flops: 0, bytes: 0 };
      row.calls++;
      row.ms += Number(t[2 * i + 1] - t[2 * i]) / 1e6;
      row.flops += cost.flops;
      row.bytes += cost.bytes;
      this.rows.set(label, row);
    });
    this.labels.length = 0;
  }

  /** Rows by falling time, and forget them. */
  take(): ProfileRow[] {
    const rows = [...this.rows].map(([label, r]) => ({ label, ...r })).sort((a, b) => b.ms - a.ms);
    this.rows.clear();
    return rows;
  }
}
