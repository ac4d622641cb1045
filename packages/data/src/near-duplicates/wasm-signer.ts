import { signBinary } from './sign.wasm.js'

/** Lowers each place of a signature to the smallest image of some mixed hashes. */
export type Signer = (mixed: Uint32Array, out: Int32Array) => void

const page = 65_536
/** Permutations that the binary takes at once. */
const group = 16
/** Hashes that are handed over at once; larger sets go through in parts. */
const most = 4096

let compiled: WebAssembly.Module | undefined | null

/** Nothing where WebAssembly or its vectors are missing or forbidden: then JavaScript does the same. */
export function wasmSigner(a: Int32Array, b: Int32Array): Signer | undefined {
  if (compiled === null) return undefined
  try {
    compiled ??= new WebAssembly.Module(Uint8Array.from(atob(signBinary), (character) => character.charCodeAt(0)))
    return signer(compiled, a, b)
  } catch {
    compiled = null
    return undefined
  }
}

function signer(module: WebAssembly.Module, a: Int32Array, b: Int32Array): Signer | undefined {
  const { memory, sign, __heap_base: heap } = new WebAssembly.Instance(module).exports
  if (!(memory instanceof WebAssembly.Memory) || !(heap instanceof WebAssembly.Global) || typeof sign !== 'function')
    return undefined
  const groups = Math.ceil(a.length / group)
  const places = groups * group
  const start = Math.ceil(Number(heap.value) / 64) * 64
  const [atA, atB, atOut, atHashes] = [0, 1, 2, 3].map((index) => start + index * places * 4) as [number, number, number, number]
  const missing = atHashes + most * 4 - memory.buffer.byteLength
  if (missing > 0) memory.grow(Math.ceil(missing / page))
  const at = (place: number, length: number) => new Int32Array(memory.buffer, place, length)
  at(atA, a.length).set(a)
  at(atB, b.length).set(b)
  const [result, signature] = [at(atOut, places), at(atOut, a.length)]
  const hashes = new Uint32Array(memory.buffer, atHashes, most)
  return (mixed, out) => {
    result.fill(0x7fffffff)
    for (let from = 0; from < mixed.length; from += most) {
      const count = Math.min(most, mixed.length - from)
      hashes.set(count === mixed.length ? mixed : mixed.subarray(from, from + count))
      sign(atHashes, count, atA, atB, atOut, groups)
    }
    out.set(signature)
  }
}
