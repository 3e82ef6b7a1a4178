/**
 * @file Weights by name with their shapes checked. Collects everything that is missing or misshapen, so that the user
 * sees the whole list and not the first line of it.
 */
import { FileFormatError } from "../base/errors.js";
import { type HostTensor, toFloat32 } from "../base/tensor.js";

export class State {
  private readonly used = new Set<string>();
  private readonly missing: string[] = [];
  private readonly misshapen: string[] = [];

  constructor(
    private readonly tensors: ReadonlyMap<string, HostTensor>,
    /** Where the weights come from, for messages. */
    readonly source: string,
    private readonly prefix = "",
    private readonly root?: State,
  ) {}

  /** The same state seen below a prefix, for example `features.`. */
  below(prefix: string): State {
    return new State(this.tensors, this.source, this.prefix + prefix, this.root ?? this);
  }

  has(name: string): boolean {
    return this.tensors.has(this.prefix + name);
  }

  shapeOf(name: string): readonly number[] | undefined {
    return this.tensors.get(this.prefix + name)?.shape;
  }

  /** Values of a tensor of exactly this shape; zeros, and a line for `finish`, where it is missing or misshapen. */
  get(name: string, shape: readonly number[]): Float32Array {
    const key = this.prefix + name;
    const top = this.root ?? this;
    top.used.add(key);
    const tensor = this.tensors.get(key);
    const count = shape.reduce((n, d) => n * d, 1);
    if (!tensor) {
      top.missing.push(key);
      return new Float32Array(count);
    }
    if (tensor.shape.join() !== shape.join()) {
      top.misshapen.push(`${key} (expected [${shape}], got [${tensor.shape}])`);
      return new Float32Array(count);
    }
    return toFloat32(tensor);
  }

  /**
   * Throws unless every tensor asked for was there and every tensor there was asked for.
   * @param tolerate names that may be left over, for example the head of a classifier.
   */
  finish(tolerate: (name: string) => boolean = () => false): void {
    const extra = [...this.tensors.keys()].filter(
      (k) => !this.used.has(k) && !k.endsWith("num_batches_tracked") && !tolerate(k),
    );
    const { missing, misshapen } = this;
    if (missing.length + misshapen.length + extra.length === 0) return;
    const part = (title: string, names: string[]) =>
      names.length ? [`${title} ${names.length}: ${shorten(names)}`] : [];
    const text = [...part("missing", missing), ...part("misshapen", misshapen), ...part("unexpected", extra)].join(
      "; ",
    );
    const kind = misshapen.length ? "ShapeMismatch" : missing.length ? "MissingKey" : "UnexpectedKey";
    throw new FileFormatError(kind, this.source, `the weights do not fit the architecture — ${text}`);
  }
}

function shorten(names: string[]): string {
  return names.length <= 6 ? names.join(", ") : `${names.slice(0, 5).join(", ")}, … and ${names.length - 5} more`;
}
