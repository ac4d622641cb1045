/** What a machine has, as far as it can be found out. Bytes throughout. */
export interface HardwareProfile {
  readonly system: { readonly platform: string; readonly architecture: string; readonly release: string; readonly libc?: string }
  readonly processor: {
    readonly model: string
    /** Logical processors of the machine. */
    readonly logical: number
    /** What the affinity of this process leaves of them. */
    readonly allowed: number
    /** What the cgroup leaves, in processors; absent without a limit. */
    readonly quota?: number
    /** Instruction sets that matter here: avx2, avx512f, amx_bf16, asimd, … */
    readonly features: readonly string[]
  }
  readonly memory: {
    readonly total: number
    readonly free: number
    /** What the cgroup allows; absent without a limit. */
    readonly limit?: number
  }
  readonly disk: { readonly path: string; readonly total: number; readonly free: number } | undefined
  readonly gpus: readonly Gpu[]
  /** Of NVIDIA's driver, where `nvidia-smi` answers. */
  readonly driver: { readonly version: string; readonly cuda?: string } | undefined
  readonly node: string
  readonly npm: string | undefined
  /** What builds the native parts from source. */
  readonly tools: { readonly cmake?: string; readonly compiler?: string }
  readonly engine: NativePart
  readonly quantizer: NativePart
}

export interface Gpu {
  readonly name: string
  readonly memory: number
  readonly free: number
}

/** Whether the native part of a package loads, asked in a process of its own: a wrong binary may end the process. */
export type NativePart =
  | { readonly state: 'works'; readonly kernels: readonly string[]; readonly threads: number; readonly gpus?: GpuPart }
  /** The package is not installed. */
  | { readonly state: 'absent' }
  /** The package works without one, or does not say. */
  | { readonly state: 'unknown' }
  | { readonly state: 'broken'; readonly why: string }

/** What the engine makes of the GPUs here. */
export type GpuPart =
  | {
      readonly state: 'usable'
      readonly devices: readonly (Gpu & { readonly capability: string })[]
      /** NVIDIA's, that it opens where it finds them. */
      readonly libraries: readonly {
        readonly name: string
        readonly version?: string | undefined
        readonly why?: string | undefined
      }[]
    }
  /** Its library for them is not installed. */
  | { readonly state: 'absent'; readonly install: string }
  | { readonly state: 'unusable'; readonly why: string }
