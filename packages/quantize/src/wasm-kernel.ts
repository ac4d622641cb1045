import { messageOf, usageError } from '@qt/core'
import type { QuantFormat } from './method.js'

/** What a module of WebAssembly has to export; it may import nothing. Pointers are bytes from the beginning of its memory. */
interface Kernel {
  readonly memory: WebAssembly.Memory
  /** 0, or 1 more than the number of the block that cannot be stored. `importance` is 0 where none is known. */
  encode(values: number, out: number, importance: number, blocks: number): number
  decode(blocks: number, out: number, count: number): void
}

const page = 65536
/** Blocks go through in pieces, so that the memory of the module stays small whatever the size of a tensor. */
const valuesAtOnce = 1 << 16

/**
 * `encode` and `decode` of a method from a module of WebAssembly, compiled from C, C++, Rust, Zig …: many times faster than TypeScript
 * and as portable.
 *
 * @example
 * ```ts
 * import { defineQuantMethod, wasmKernel } from '@qt/quantize'
 * import { readFileSync } from 'node:fs'
 *
 * const sizes = { blockSize: 32, blockBytes: 18 }
 * const fast = defineQuantMethod({ name: 'MINE', type: 'Q4_0', ...sizes, ...wasmKernel(readFileSync('kernel.wasm'), sizes) })
 * ```
 */
export function wasmKernel(
  module: Uint8Array,
  { blockSize, blockBytes }: Pick<QuantFormat, 'blockSize' | 'blockBytes'>,
): Pick<QuantFormat, 'encode' | 'decode'> {
  const kernel = instantiate(module)
  const most = Math.max(1, Math.floor(valuesAtOnce / blockSize))
  // Behind all that the module has: an allocator of its own may count on everything from __heap_base to the end.
  const values = kernel.memory.buffer.byteLength
  const weights = values + 4 * most * blockSize
  const blocks = weights + 4 * most * blockSize
  const needed = Math.ceil((blocks + most * blockBytes - values) / page)
  try {
    kernel.memory.grow(needed)
  } catch (error) {
    throw invalid(`The memory of the kernel cannot grow by ${needed} pages: ${messageOf(error)}`)
  }

  // Views are made anew each time: they end when the memory grows.
  const floats = (at: number, count: number) => new Float32Array(kernel.memory.buffer, at, count)
  const bytes = (count: number) => new Uint8Array(kernel.memory.buffer, blocks, count)
  const inPieces = (count: number, work: (first: number, count: number) => void) => {
    for (let first = 0; first < count; first += most) work(first, Math.min(most, count - first))
  }
  return {
    encode(from, out, importance) {
      inPieces(from.length / blockSize, (first, count) => {
        const [begin, end] = [first * blockSize, (first + count) * blockSize]
        floats(values, count * blockSize).set(from.subarray(begin, end))
        if (importance) floats(weights, count * blockSize).set(importance.subarray(begin, end))
        bytes(count * blockBytes).fill(0)
        const refused = kernel.encode(values, blocks, importance ? weights : 0, count)
        if (refused !== 0 && !(Number.isInteger(refused) && refused >= 1 && refused <= count))
          throw invalid(`The encode of the kernel returned ${refused} for ${count} blocks.`)
        if (refused !== 0)
          throw usageError('QUANT_OUT_OF_RANGE', 'A block has values that are too large for this method.', {
            where: { field: `value ${(first + refused - 1) * blockSize}` },
            actions: ['Use BF16 for this tensor.'],
          })
        out.set(bytes(count * blockBytes), first * blockBytes)
      })
    },
    decode(from, out) {
      inPieces(from.length / blockBytes, (first, count) => {
        bytes(count * blockBytes).set(from.subarray(first * blockBytes, (first + count) * blockBytes))
        kernel.decode(blocks, values, count)
        out.set(floats(values, count * blockSize), first * blockSize)
      })
    },
  }
}

function instantiate(module: Uint8Array): Kernel {
  let exports: WebAssembly.Exports
  try {
    exports = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(module))).exports
  } catch (error) {
    throw invalid(`The kernel is no module of WebAssembly that runs by itself: ${messageOf(error)}`)
  }
  const { memory, encode, decode } = exports
  if (!(memory instanceof WebAssembly.Memory)) throw invalid('The kernel does not export its memory.')
  if (typeof encode !== 'function' || typeof decode !== 'function')
    throw invalid('The kernel does not export the functions encode and decode.')
  return {
    memory,
    encode: (...at) => Number(encode(...at)),
    decode: (...at) => void decode(...at),
  }
}

const invalid = (message: string) =>
  usageError('QUANT_METHOD_INVALID', message, {
    where: { field: 'module' },
    actions: ['Export memory, encode and decode, and import nothing: see docs/quant-methods.md.'],
  })
