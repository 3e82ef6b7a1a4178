/** @file What stays on the device between calls: codebooks and segments, up to a number of bytes, least recently used out. */

/** Something with device memory. */
export interface Resident {
  readonly bytes: number;
  free(): void;
}

interface Entry<V> {
  readonly value: Promise<V>;
  resident: V | undefined;
  /** Calls that are using it now: it may not be freed. */
  users: number;
}

/** Device copies of host objects that never change, by the host object. */
export class Kept<K, V extends Resident> {
  private readonly entries = new Map<K, Entry<V>>();

  /** @param most bytes kept between calls; a value above that is freed after its use */
  constructor(readonly most: number) {}

  has(key: K): boolean {
    return this.entries.has(key);
  }

  /** Runs `body` with the copy of `key`, which is made when there is none and not freed meanwhile. */
  async use<R>(key: K, bytes: number, make: () => V | Promise<V>, body: (value: V) => R | Promise<R>): Promise<R> {
    let entry = this.entries.get(key);
    if (entry) this.entries.delete(key);
    else {
      if (bytes <= this.most) this.shrink(this.most - bytes);
      entry = { value: Promise.resolve(make()), resident: undefined, users: 0 };
    }
    this.entries.set(key, entry);
    entry.users++;
    try {
      entry.resident = await entry.value;
      return await body(entry.resident);
    } catch (e) {
      if (!entry.resident) this.entries.delete(key);
      throw e;
    } finally {
      entry.users--;
      if (entry.resident && entry.resident.bytes > this.most) this.drop(key, entry);
      this.shrink(this.most);
    }
  }

  /** Frees the copy of a key that will not come again; one in use goes later, when room is needed. */
  forget(key: K): void {
    const entry = this.entries.get(key);
    if (entry) this.drop(key, entry);
  }

  /** Frees everything; nothing may be in use. */
  clear(): void {
    this.shrink(Number.NEGATIVE_INFINITY);
  }

  private shrink(most: number): void {
    let total = 0;
    for (const { resident } of this.entries.values()) total += resident?.bytes ?? 0;
    for (const [key, entry] of this.entries) {
      if (total <= most) return;
      if (this.drop(key, entry)) total -= entry.resident!.bytes;
    }
  }

  private drop(key: K, entry: Entry<V>): boolean {
    if (!entry.resident || entry.users > 0) return false;
    entry.resident.free();
    this.entries.delete(key);
    return true;
  }
}
