import { defineQuantMethod, wasmKernel } from '@qt/quantize'
import { kernel } from './kernel.js'
import method from './method.js'

const { name, type, blockSize, blockBytes } = method

/** The same method with its loops in WebAssembly (kernel/kernel.c): the same bytes, many times faster. */
export default defineQuantMethod({
  ...{ name, type, blockSize, blockBytes },
  ...wasmKernel(Uint8Array.from(Buffer.from(kernel, 'base64')), { blockSize, blockBytes }),
})
