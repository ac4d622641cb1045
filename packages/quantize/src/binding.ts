import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { nativePlatform } from '@qt/core'

/*
 * What the C++ side offers, declared once. It moves numbers and files; what to do with them is decided in TypeScript.
 * binding.test.ts holds these declarations against the binary.
 */

export interface NativeFault {
  readonly kind: 'not-finite' | 'out-of-range'
  /** Of the value in its tensor; of the first one of its block when a scale is out of range. */
  readonly index: number
  /** The value, or the scale. */
  readonly value: number
}

/** A tensor to be copied (`from` equals `to`) or encoded; types by GGUF's id. */
export interface NativeTensor {
  readonly input: number
  readonly inputOffset: number
  readonly from: number
  readonly outputOffset: number
  readonly to: number
  readonly rows: number
  readonly columns: number
  /** A weight for each column, for each matrix of `matrixRows` rows; null when nothing is known. */
  readonly importance: Float32Array | null
  readonly matrixRows: number
}

export interface NativeJob {
  readonly inputs: readonly string[]
  /** Must exist; what lies between the tensors is left alone. */
  readonly output: string
  readonly threads: number
  readonly tensors: readonly NativeTensor[]
}

export interface NativeOutcome {
  readonly kind: 'done' | 'aborted' | 'refused' | 'read-failed' | 'write-failed'
  readonly tensor: number
  readonly fault: NativeFault | null
  /** The operating system's words. */
  readonly message: string
}

export interface Binding {
  availableKernels(): string[]
  availableProcessors(): number
  decodable(type: number): boolean
  encodable(type: number): boolean
  encode(
    type: number,
    values: Float32Array,
    columns: number,
    importance: Float32Array | null,
    out: Uint8Array,
    kernels?: string,
  ): NativeFault | null
  /** The position of the first number in whole blocks that is not finite, or −1. */
  firstNotFinite(type: number, blocks: Uint8Array): number
  startFile(
    job: NativeJob,
    onTensor: (index: number) => void,
    kernels?: string,
  ): { readonly finished: Promise<NativeOutcome>; stop(): void }
}

const require = createRequire(import.meta.url)

let loaded: Binding | Error | undefined

/** The addon (a platform package when one is installed, else what was built in the repository), or why there is none. */
export function binding(): Binding | Error {
  loaded ??= load()
  return loaded
}

function load(): Binding | Error {
  const platform = `@qt/quantize-${nativePlatform()}`
  const places = [platform, fileURLToPath(new URL('../build/Release/qt_quantize.node', import.meta.url))]
  const failures: string[] = []
  for (const place of places)
    try {
      const addon: Binding = require(place)
      return addon
    } catch (error) {
      failures.push(error instanceof Error ? error.message.split('\n')[0]! : String(error))
    }
  return new Error(failures.join('; '))
}

/** Kernels forced by QT_KERNELS, for tests and comparisons; undefined takes the best. */
export const forcedKernels = (): string | undefined => process.env.QT_KERNELS || undefined
