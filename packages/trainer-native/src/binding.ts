import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type ModelSpec, QtError } from '@qt/core'

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
}

export interface StepOptions {
  readonly precision: 'float32' | 'bfloat16'
  readonly checkpointing: boolean
  readonly full: boolean
  readonly maxTokens: number
  readonly maxPositions: number
  readonly lossChunk: number
  readonly dropout: number
  readonly seed: number
  readonly adapters: readonly { layer: number; projection: number; rank: number; scale: number }[]
}

export interface StepPlan {
  /** Bytes of the one arena a step works in. */
  readonly arena: number
  /** Bytes of the trained numbers; gradients and each of the two moments take as much again. */
  readonly trained: number
  readonly parts: readonly { part: string; bytes: number }[]
}

/** A trained tensor; `kind` as in native/src/train/layout.hpp, `offset` in numbers. */
export interface TrainedTensor {
  readonly layer: number
  readonly kind: number
  readonly rows: number
  readonly columns: number
  readonly offset: number
}

export interface LossSum {
  readonly loss: number
  readonly tokens: number
  readonly correct: number
  /** False when stopped by `setAbort(true)`. */
  readonly finished: boolean
}

export interface AdamStep {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  /** 0: off. */
  readonly clip: number
  readonly step: number
}

export type Region = 'parameters' | 'gradients' | 'firstMoments' | 'secondMoments'

export interface NativeModelHandle {
  readonly weightBytes: number
}

export interface NativeTrainer {
  tensors(): TrainedTensor[]
  forwardBackward(ids: Int32Array, labels: Int32Array, borders: Int32Array, weight: number, micro: number): Promise<LossSum>
  evaluate(ids: Int32Array, labels: Int32Array, borders: Int32Array): Promise<LossSum>
  update(step: AdamStep): Promise<number>
  read(region: Region, offset: number, count: number): Float32Array<ArrayBuffer>
  write(region: Region, offset: number, values: Float32Array): void
  initialise(
    region: 'parameters',
    offset: number,
    count: number,
    how: { kind: 'normal' | 'uniform' | 'ones'; size: number; seed: number; stream: number },
  ): void
  zeroGradients(): void
  setAbort(abort: boolean): void
  close(): void
}

export interface AppliedAdapter {
  readonly layer: number
  readonly projection: number
  readonly rank: number
  readonly scale: number
  readonly a: Float32Array
  readonly b: Float32Array
}

export interface NativeSession {
  readonly length: number
  /** Logits of the last `wanted` tokens, or null when stopped (then nothing was appended). */
  append(ids: Int32Array, wanted: number): Promise<Float32Array | null>
  truncate(length: number): void
  setAbort(abort: boolean): void
  close(): void
}

export interface Binding {
  availableKernels(): string[]
  availableProcessors(): number
  planStep(spec: ModelSpec, options: StepOptions, threads: number, kernels?: string): StepPlan
  readonly Model: new (
    spec: ModelSpec,
    tensors: readonly TensorSource[],
    storage: 'packed' | 'bfloat16' | 'float32',
  ) => NativeModelHandle
  readonly Trainer: new (model: NativeModelHandle, options: StepOptions, threads: number, kernels?: string) => NativeTrainer
  readonly Session: new (
    model: NativeModelHandle,
    adapters: readonly AppliedAdapter[],
    options: { contextLength: number; bf16: boolean },
    threads: number,
    kernels?: string,
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
  const platform = `${process.platform}-${process.arch}`
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
export const forcedKernels = (): string | undefined => process.env.QT_KERNELS || undefined

/** Threads for the arithmetic: what was asked for, else what affinity and cgroup allow. */
export const threadCount = (wanted: number | undefined): number => wanted ?? binding().availableProcessors()
