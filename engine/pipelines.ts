/** @file Compiled kernels, one for each (file, constants, binding kinds), with explicit layouts so bind groups can be cached. */
import { DeviceError } from "../base/errors.js";
import { type Constants, specialise } from "./shader.js";

export interface Kernel {
  readonly id: number;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly label: string;
}

/** Bytes of the uniform slot of a dispatch: the smallest offset alignment that every device allows. */
export const SLOT = 256;

export class PipelineCache {
  private readonly kernels = new Map<string, Kernel>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();
  private pending: Promise<DeviceError | undefined>[] = [];
  private made = 0;

  constructor(private readonly device: GPUDevice) {}

  get size(): number {
    return this.kernels.size;
  }

  /**
   * The kernel of `shaders/<file>` with so many bindings to read, of which `sheets` has the bits of those in textures, then
   * to write; compile errors surface at the next `collect()` with the WGSL line under a caret. Every dispatch asks, so the key
   * is put together in one go.
   */
  get(file: string, constants: Constants, reads: number, writes: number, sheets = 0): Kernel {
    let key = file;
    for (const name in constants) key += `,${name}=${constants[name]}`;
    key += `|${reads}|${writes}|${sheets}`;
    let kernel = this.kernels.get(key);
    if (!kernel) {
      kernel = this.compile(file, constants, this.layoutOf(reads, writes, sheets), key);
      this.kernels.set(key, kernel);
    }
    return kernel;
  }

  /** The error (SHADER) of the first compilation that failed since the last call of this, if one did. */
  async collect(): Promise<DeviceError | undefined> {
    const { pending } = this;
    this.pending = [];
    return (await Promise.all(pending)).find((e) => e !== undefined);
  }

  private compile(file: string, constants: Constants, layout: GPUBindGroupLayout, key: string): Kernel {
    const variant = Object.entries(constants)
      .map(([k, v]) => `${k}=${v}`)
      .join(",");
    const label = `${file.replace(".wgsl", "")}${variant ? `/${variant}` : ""}`;
    const code = specialise(file, constants);
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ code, label });
    const pipeline = this.device.createComputePipeline({
      label,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    this.pending.push(
      this.device.popErrorScope().then((error) => {
        if (!error) return undefined;
        // whoever asks again is told again
        this.kernels.delete(key);
        return new DeviceError("SHADER", `engine: kernel ${label} does not compile — ${error.message}`);
      }),
    );
    return { id: this.made++, pipeline, layout, label };
  }

  private layoutOf(reads: number, writes: number, sheets: number): GPUBindGroupLayout {
    const key = `${reads} read, ${writes} written, sheets ${sheets.toString(2)}`;
    let layout = this.layouts.get(key);
    if (!layout) {
      const visibility = GPUShaderStage.COMPUTE;
      layout = this.device.createBindGroupLayout({
        label: key,
        entries: [
          { binding: 0, visibility, buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: 0 } },
          ...Array.from({ length: reads + writes }, (_, i) => ({
            binding: i + 1,
            visibility,
            ...(sheets & (1 << i)
              ? { storageTexture: { access: "read-only" as const, format: "rgba32float" as const } }
              : { buffer: { type: i < reads ? ("read-only-storage" as const) : ("storage" as const) } }),
          })),
        ],
      });
      this.layouts.set(key, layout);
    }
    return layout;
  }
}
