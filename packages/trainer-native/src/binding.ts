import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type ModelSpec, type Nf4Scales, nativePlatform, QtError, type TrainingConfig, usageError } from '@qt/core'

/*
 * What the C++ side offers, declared once. It moves handles, arrays and numbers; what to do with them is decided in TypeScript.
 * binding.test.ts holds these declarations against the binary.
 */

export interface TensorSource {
  readonly name: string
  readonly file: string
  readonly offset: number
  readonly bytes: number
  /** GGUF's type id. */
  readonly type: number
  readonly rows: number
  readonly columns: number
  /** Of type NF4. */
  readonly nf4?: Nf4Scales | undefined
}

export interface StepOptions {
  readonly precision: 'float32' | 'bfloat16'
  readonly checkpointing: boolean
  /** Tokens of a feed-forward at once; 0: all. */
  readonly feedForwardChunk: number
  /** Inputs of blocks to the machine's memory. */
  readonly offload: boolean
  readonly full: boolean
  readonly maxTokens: number
  readonly maxPositions: number
  readonly lossChunk: number
  readonly dropout: number
  readonly labelSmoothing: number
  readonly seed: number
  readonly optimizer: TrainingConfig['training']['optimizer']
  /** Keep a moving average of what is trained. */
  readonly average: boolean
  /** NEFTune's noise; 0: off. */
  readonly embeddingNoise: number
  /** Beside adapters. */
  readonly trainEmbedding: boolean
  /** As a matrix of its own, even where the model ties them. */
  readonly trainOutput: boolean
  readonly adapters: readonly AdapterPlace[]
  /** Left out: one process, and sums as they come. */
  readonly share?: StepShare | undefined
}

/** How a step is shared among the processes of a job. */
export interface StepShare {
  readonly rank: number
  readonly processes: number
  /** Of a whole step, for its memory. */
  readonly microBatches: number
  /** Gradients are added in one order, whatever the number of processes. */
  readonly strict: boolean
  /** Of a frozen base each process holds its share. */
  readonly base: boolean
  /** Each process gathers whole gradients of its micro-batches, and they are exchanged with the last. */
  readonly once: boolean
  /** What of each block this process has, where a group of them shares it; the group counts as one in what is above. */
  readonly tensor?: TensorShare | undefined
}

/** Process r of a group has [cuts[r], cuts[r + 1]) of the key heads, and of the feed-forward's columns. */
export interface TensorShare {
  readonly rank: number
  readonly kvHeads: readonly number[]
  readonly ffn: readonly number[]
}

/** An adapter to be trained on one projection. */
export interface AdapterPlace {
  readonly layer: number
  readonly projection: number
  readonly rank: number
  readonly scale: number
  /** DoRA. */
  readonly magnitude: boolean
  /** PiSSA: what the adapter began as is taken away from the weight. */
  readonly origin: boolean
}

export interface StepPlan {
  /** Bytes of the one arena a step works in. */
  readonly arena: number
  /** Bytes of the machine's memory that a GPU off-loads to. */
  readonly offloaded: number
  /** Bytes of the trained numbers. */
  readonly trained: number
  /** Bytes of the gradients that this process keeps. */
  readonly gradients: number
  /** Bytes of the optimiser's state. */
  readonly state: number
  /** Bytes of gradients on their way to the sum of all micro-batches. */
  readonly exchange: number
  /** Bytes of what PiSSA's adapters began as. */
  readonly origins: number
  readonly parts: readonly { part: string; bytes: number }[]
}

/** Which numbers of a module are trained: its own weight, or an adapter's share. */
export type Role = 'weight' | 'lora_a' | 'lora_b' | 'magnitude'
/** Which tensors are updated alike. */
export type Group = Role | 'embedding'

/** Where some rows and columns lie in all of them. */
export interface Whole {
  readonly rows: number
  readonly columns: number
  readonly firstRow: number
  readonly firstColumn: number
}

export interface TrainedTensor {
  /** Which adapter it belongs to; -1 for the model's own. */
  readonly adapter: number
  readonly role: Role
  /** The canonical name of the module's tensor: blk.0.attn_q.weight. */
  readonly module: string
  readonly rows: number
  readonly columns: number
  /** In numbers, among the parameters. */
  readonly offset: number
  /** The shape in the whole model, and where in it these rows and columns lie. */
  readonly whole: Whole
  /** This process's piece, in numbers of the region `gradients`. */
  readonly gradient: { readonly offset: number; readonly count: number }
  /** What the optimiser keeps of it; offsets in bytes. */
  readonly state: readonly StateArray[]
}

/** What an adapter of PiSSA began as, in the region `origins`. */
export type OriginTensor = Pick<TrainedTensor, 'role' | 'module' | 'rows' | 'columns' | 'offset' | 'whole'>

export interface StateArray {
  readonly name: string
  readonly dtype: 'F32' | 'U8'
  readonly offset: number
  readonly bytes: number
  /** Where this process's bytes begin among those of its group's rows and columns of entries. */
  readonly from: number
  readonly rows: number
  readonly columns: number
  /** Those of the whole array, and where in it these lie. */
  readonly whole: Whole
}

/** Rows of tokens side by side. */
export interface Batch {
  readonly ids: Int32Array
  /** What each position predicts; negative for none. */
  readonly labels: Int32Array
  /** Of documents: first 0, last the number of tokens. */
  readonly borders: Int32Array
  /** Of each token's loss; left out: 1. */
  readonly weights?: Float32Array | undefined
}

export interface LossSum {
  /** Σ weight · loss over the tokens that carry loss. */
  readonly loss: number
  /** Σ weight. */
  readonly weight: number
  readonly tokens: number
  readonly correct: number
  /** False when stopped by `setAbort(true)`. */
  readonly finished: boolean
  /** Σ weight · loss of each document. */
  readonly documents: Float64Array
}

export interface ParameterGroup {
  readonly learningRate: number
  /** Of matrices; norms do not decay. */
  readonly weightDecay: number
}

export interface UpdateOptions {
  readonly groups: Readonly<Record<Group, ParameterGroup>>
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** 0: off. */
  readonly clip: number
  readonly averageDecay: number
  readonly step: number
}

export type Region = 'parameters' | 'gradients' | 'origins'

export interface NativeModelHandle {
  readonly weightBytes: number
}

export interface NativeTrainer {
  tensors(): TrainedTensor[]
  origins(): OriginTensor[]
  /** Adds the gradients of Σ weight · loss; `micro` numbers the batch within its run, for random numbers. */
  forwardBackward(batch: Batch, options: { weight: number; micro: number }): Promise<LossSum>
  /** `adapters: false` looks through the model as it was; with `micro` dropout and noise are as in that micro-batch. */
  evaluate(batch: Batch, options?: { adapters: boolean; micro?: number }): Promise<LossSum>
  /** A step of micro-batches begins, of which process r has r, r + processes, r + 2 · processes … */
  begin(microBatches: number): void
  /** Where the base is shared out: a pass of others, with gradients or without, for which this process has no batch. */
  attend(gradients: boolean): Promise<void>
  /** Waits until the gradients of all processes are added; all call it, also after a pass that was stopped. Gives what `lack` does. */
  exchange(): Promise<string>
  /**
   * In words, that a pass of this process has found no memory since this was last asked, or ''. Where several processes take a step such a
   * pass throws nothing: the others count on it.
   */
  lack(): string
  /** Bytes of a GPU's memory that this takes; 0 on the processor. */
  deviceMemory(): number
  /** An array of the optimiser, whole, in process `root`, and nothing in others; all call it. */
  gatherState(tensor: number, array: number, root: number): Promise<Uint8Array<ArrayBuffer>>
  /** One of `tensors` or `origins`, whole, in process `root`, and nothing in others; all call it. */
  gatherTensor(region: 'parameters' | 'origins', tensor: number, root: number): Promise<Float32Array<ArrayBuffer>>
  /**
   * Everybody's trained numbers, and what adapters began as, become those of process 0; throws where a device has not taken them. Gives the
   * libraries by which GPUs exchange theirs.
   */
  shareParameters(): Promise<{ readonly gradients: string | null; readonly blocks: string | null }>
  /** One step of the optimiser; gives the norm of the gradients before clipping, and zeroes them. */
  update(options: UpdateOptions): Promise<number>
  read(region: Region, offset: number, count: number): Float32Array<ArrayBuffer>
  write(region: Region, offset: number, values: Float32Array): void
  readState(offset: number, bytes: number): Uint8Array<ArrayBuffer>
  writeState(offset: number, bytes: Uint8Array): void
  /** Random numbers by their places in the whole tensor. */
  initialise(tensor: number, how: { kind: 'normal' | 'uniform' | 'ones'; size: number; seed: number; stream: number }): void
  /** DoRA's magnitudes become what leaves the model as it is with the adapter's present A and B. */
  startMagnitudes(): void
  /** PiSSA's A and B become the largest singular directions of their weights, and are kept as `origins`; false when stopped. */
  startPrincipal(): Promise<boolean>
  zeroGradients(): void
  setAbort(abort: boolean): void
  close(): void
}

export interface JobAddress {
  readonly kind: 'mpi' | 'tcp'
  readonly rank: number
  readonly size: number
  /** TCP: where rank 0 listens. */
  readonly host: string
  readonly port: number
  /** TCP: processes of one machine send through memory that they share. */
  readonly sharedMemory: boolean
  /** 32 bytes that all processes of the job know. */
  readonly key: Uint8Array
  /** Seconds for all to come, and for one that is silent. */
  readonly patience: number
}

export interface JobFailure {
  readonly rank: number
  readonly why: string
  /** It said so itself; else it was seen. */
  readonly spoke: boolean
}

/** What the processes of a job do together: all of them, in the same order. */
export interface NativeCommunicator {
  /** Resolves when all processes are there. */
  open(): Promise<{ readonly rank: number; readonly size: number }>
  allGather(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>[]>
  /** The bytes of rank 0. */
  broadcast(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
  failure(): JobFailure | null
  onFailure(call: () => void): void
  /** Ends the job, everywhere and for this reason. */
  fail(why: string): void
  /** This process ends in order: nobody takes it for dead. */
  leave(): void
  close(): void
}

export interface AppliedAdapter {
  readonly layer: number
  readonly projection: number
  readonly rank: number
  readonly scale: number
  readonly a: Float32Array
  readonly b: Float32Array
  /** DoRA. */
  readonly magnitude?: Float32Array
}

/** Adapters that are laid over a model together. */
export interface AdapterSet {
  readonly modules: readonly AppliedAdapter[]
  /** Matrices in place of the model's, [vocabulary, width]. */
  readonly embedding?: Float32Array
  readonly output?: Float32Array
}

/** How the base lies in memory: as in its file, or decoded; `nf4` quantises projections that are floats. */
export type Storage = TrainingConfig['baseStorage'] | 'nf4'

export type CacheType = 'float32' | 'float16' | 'int8'

/** A context and all that may follow it. */
export interface NativeQuestion {
  readonly adapters: number
  readonly context: Int32Array
  readonly continuations: readonly Int32Array[]
}

/** What a model thinks of the tokens of all continuations, in order. */
export interface Judgement {
  readonly logs: Float32Array
  /** 1 where a token is the likeliest one. */
  readonly likeliest: Uint8Array
}

/** Caches and adapters are named by the numbers that adding them returned; adapters 0 are none. One pass runs at a time, in order. */
export interface NativeSession {
  addCache(type: CacheType): number
  dropCache(cache: number): void
  addAdapters(adapters: AdapterSet): Promise<number>
  length(cache: number): number
  truncate(cache: number, length: number): void
  /** Which of these, by their numbers, have no room for so many tokens more, once those before them have theirs; between passes. */
  withoutRoom(caches: Int32Array, tokens: Int32Array): Int32Array
  /** Logits of the last `wanted` tokens, or null when stopped (then nothing was appended); `exact` multiplies float32 throughout. */
  append(cache: number, adapters: number, ids: Int32Array, wanted: number, exact: boolean): Promise<Float32Array | null>
  /** One token for each of several caches: [caches, vocabulary]. */
  decode(caches: Int32Array, adapters: Int32Array, ids: Int32Array): Promise<Float32Array | null>
  /** Appends, and returns the log-probability of each token but the first. */
  score(cache: number, adapters: number, ids: Int32Array, exact: boolean): Promise<Float32Array | null>
  /** Tokens that `judge` reads at most: contexts and all that follows them, but for the last token of each continuation. */
  mostTogether(): number
  /** Reads contexts and all that may follow each in one pass, without a cache; null when stopped. */
  judge(questions: readonly NativeQuestion[], exact: boolean): Promise<Judgement | null>
  /** Appends, and returns the mean of the tokens' last hidden states, after the final norm. */
  meanState(cache: number, adapters: number, ids: Int32Array, exact: boolean): Promise<Float32Array | null>
  /**
   * Appends, and returns for each layer the sums of squares of its four inputs (of q, k, v; attn_output; gate and up; down) and of the
   * cosines between what enters and what leaves it; with `output` then those of the matrix that makes logits.
   */
  collect(cache: number, adapters: number, ids: Int32Array, output: boolean, exact: boolean): Promise<Float64Array | null>
  setAbort(abort: boolean): void
  close(): void
}

/** A library of NVIDIA's that is opened where it is found: its version, or why not. */
export interface GpuLibrary {
  readonly name: string
  /** `NCCL 2.27.3` */
  readonly version?: string
  readonly why?: string
}

/** A GPU, by the library that drives it and its number there. */
export interface GpuPlace {
  readonly library: string
  readonly index: number
}

/** Where a session is, and what its memory is planned for: so many sequences at the same time, whose caches are of one type. */
export interface GpuSessionPlace extends GpuPlace {
  readonly sequences: number
  readonly cache: CacheType
}

export interface Gpus {
  readonly devices: readonly {
    name: string
    /** Bytes. */
    memory: number
    /** 0 where it was not asked for. */
    free: number
    /** Compute capability: `9.0`. */
    capability: string
    /** Versions of CUDA as it numbers them: 13000. */
    driver: number
    runtime: number
  }[]
  /** Why there are none. */
  readonly reason: string
}

export type Moment = 'first_moment' | 'second_moment'

export interface Binding {
  availableKernels(): string[]
  availableProcessors(): number
  /** The file as memory that is read where it lies; to write into it would end the process. */
  mapFile(path: string): ArrayBuffer
  /** What the library for GPUs finds; throws where it cannot be opened. To say what is free the driver takes memory of each, for good. */
  gpus(library: string, free: boolean): Gpus
  /** Bytes of one that are free. */
  freeGpuMemory(library: string, index: number): number
  /** Of NVIDIA's libraries that it opens itself. */
  gpuLibraries(library: string): GpuLibrary[]
  /** Numbers of a moment that lies in 8 bits, and back. */
  widenMoments(which: Moment, codes: Uint8Array, scales: Float32Array): Float32Array<ArrayBuffer>
  narrowMoments(which: Moment, values: Float32Array): { codes: Uint8Array<ArrayBuffer>; scales: Float32Array<ArrayBuffer> }
  planStep(spec: ModelSpec, options: StepOptions, threads: number, kernels?: string, gpu?: GpuPlace): StepPlan
  /** `apart`: for trainers that hold a share of it only, whose projections are opened block by block. */
  readonly Model: new (
    spec: ModelSpec,
    tensors: readonly TensorSource[],
    storage: Storage,
    apart?: boolean,
  ) => NativeModelHandle
  readonly Trainer: new (
    model: NativeModelHandle,
    options: StepOptions,
    threads: number,
    kernels?: string,
    communicator?: NativeCommunicator,
    gpu?: GpuPlace,
  ) => NativeTrainer
  readonly Communicator: new (address: JobAddress) => NativeCommunicator
  readonly Session: new (
    model: NativeModelHandle,
    options: { contextLength: number; bf16: boolean; dots: boolean },
    threads: number,
    kernels?: string,
    gpu?: GpuSessionPlace,
  ) => NativeSession
}

const require = createRequire(import.meta.url)

let loaded: Binding | undefined

/** The addon: a platform package when one is installed, else what was built in the repository. */
export function binding(): Binding {
  loaded ??= load()
  return loaded
}

function load(): Binding {
  const platform = nativePlatform()
  const places = [`@qt/trainer-native-${platform}`, fileURLToPath(new URL('../build/Release/qt_trainer.node', import.meta.url))]
  const failures: string[] = []
  for (const place of places)
    try {
      const addon: Binding = require(place)
      return addon
    } catch (error) {
      failures.push(`${place}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
    }
  throw new QtError({
    code: 'ENGINE_MISSING',
    message: `The engine's native part for ${platform} is not installed.`,
    actions: [
      { label: 'Install the prebuilt package of this platform', command: `npm install @qt/trainer-native-${platform}` },
      { label: 'In the repository, build it (needs a C++20 compiler and CMake)', command: 'npm run build' },
    ],
    cause: new Error(failures.join('\n')),
  })
}

/** Kernels forced by QT_KERNELS, for tests and comparisons; undefined takes the best. */
export function forcedKernels(): string | undefined {
  const name = process.env.QT_KERNELS || undefined
  const available = binding().availableKernels()
  if (name === undefined || available.includes(name)) return name
  throw usageError('USAGE_BAD_VALUE', `QT_KERNELS is "${name}", and this machine has no such kernels.`, {
    actions: [`Set it to one of ${available.join(', ')}, or leave it out.`],
  })
}

/** Threads for the arithmetic: what was asked for, else what affinity and cgroup allow. */
export const threadCount = (wanted: number | undefined): number => wanted ?? binding().availableProcessors()
