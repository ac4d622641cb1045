import { breathe } from '../breathe.js'
import type { Solution } from '../quadratic.js'
import { type Engine, type Sampler, samplerKinds } from './engine.js'
import type { IntegerProblem } from './integer-problem.js'
import { kernels } from './kernels.wasm.js'

/** What the binary exports. */
interface Exports {
  readonly memory: WebAssembly.Memory
  heap(): number
  bytes(kind: number, problem: number): number
  width(kind: number, problem: number): number
  start(kind: number, problem: number, sampler: number, seed: number, stream: number): void
  run(kind: number, problem: number, sampler: number, parameters: number, count: number): void
  temper(kind: number, problem: number, sampler: number, betas: number, sweeps: number, clusterEvery: number): void
  read(kind: number, problem: number, sampler: number, lane: number, bits: number): void
  write(kind: number, problem: number, sampler: number, lane: number, bits: number): void
  energy(kind: number, problem: number, sampler: number, lane: number): number
  bestEnergy(kind: number, problem: number, sampler: number): number
  readBest(kind: number, problem: number, sampler: number, bits: number): void
  forget(kind: number, problem: number, sampler: number): void
}

let compiled: Promise<WebAssembly.Module> | undefined

/** The kernels in WebAssembly, for browsers and wherever the addon is not. They run on the calling thread, in short slices. */
export async function wasmEngine(): Promise<Engine> {
  compiled ??= WebAssembly.compile(Uint8Array.from(atob(kernels), (character) => character.charCodeAt(0)))
  const module = await compiled
  return { name: 'wasm', threads: 1, load: (problem) => load(module, problem) }
}

const page = 65_536
/** As `Problem` in problem.hpp: eight numbers of 32 bits. */
const problemBytes = 32

function load(module: WebAssembly.Module, problem: IntegerProblem) {
  const exports = exportsOf(new WebAssembly.Instance(module).exports)
  const { memory } = exports
  let top = exports.heap()
  // Memory cannot be given back, so samplers that are done leave theirs, by its size, to the next ones.
  const released = new Map<number, number[]>()
  const allocate = (bytes: number) => {
    const at = Math.ceil(top / 64) * 64
    top = at + bytes
    const missing = top - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / page))
    return at
  }
  const copy = (list: Int8Array | Int16Array | Int32Array | Uint32Array | undefined) => {
    if (!list) return 0
    const at = allocate(list.byteLength)
    new Uint8Array(memory.buffer, at, list.byteLength).set(new Uint8Array(list.buffer, list.byteOffset, list.byteLength))
    return at
  }
  const { size, narrow, linear, offsets, neighbours, weights, square } = problem
  const at = allocate(problemBytes)
  const fields = [
    size,
    narrow ? 1 : 0,
    copy(linear),
    copy(offsets),
    copy(neighbours),
    copy(weights),
    copy(square),
    square?.BYTES_PER_ELEMENT ?? 0,
  ]
  new Uint32Array(memory.buffer, at, fields.length).set(fields)
  // The kernel of many states walks through the rows, whatever else is there.
  const rowsAt = allocate(problemBytes)
  new Uint32Array(memory.buffer, rowsAt, fields.length).set([...fields.slice(0, 6), 0, 0])
  const bits = allocate(size)
  const numbers = allocate(4 * parametersAtOnce)

  return {
    sampler(kindName: keyof typeof samplerKinds, seed: number, stream: number): Sampler {
      const kind = samplerKinds[kindName]
      const self = kindName === 'lanes' ? rowsAt : at
      if (kindName === 'lanes' && !offsets) throw new RangeError('many states at once need the couplings row by row')
      const bytes = exports.bytes(kind, self)
      const state = released.get(bytes)?.pop() ?? allocate(bytes)
      exports.start(kind, self, state, seed, stream)
      const give = (list: Float32Array) => new Float32Array(memory.buffer, numbers, list.length).set(list)
      const take = (into: Solution) => into.set(new Uint8Array(memory.buffer, bits, size))
      return {
        width: exports.width(kind, self),
        async run(parameters) {
          for (let from = 0; from < parameters.length; from += parametersAtOnce) {
            const some = parameters.subarray(from, from + parametersAtOnce)
            give(some)
            exports.run(kind, self, state, numbers, some.length)
          }
          await breathe()
        },
        async temper(betas, sweeps, clusterEvery) {
          give(betas)
          exports.temper(kind, self, state, numbers, sweeps, clusterEvery)
          await breathe()
        },
        read(lane, into) {
          exports.read(kind, self, state, lane, bits)
          take(into)
        },
        write(lane, from) {
          new Uint8Array(memory.buffer, bits, size).set(from)
          exports.write(kind, self, state, lane, bits)
        },
        energy: (lane) => exports.energy(kind, self, state, lane),
        bestEnergy: () => exports.bestEnergy(kind, self, state),
        readBest(into) {
          exports.readBest(kind, self, state, bits)
          take(into)
          return exports.bestEnergy(kind, self, state)
        },
        forget: () => exports.forget(kind, self, state),
        release() {
          const same = released.get(bytes)
          if (same) same.push(state)
          else released.set(bytes, [state])
        },
      }
    },
  }
}

const parametersAtOnce = 4096

function exportsOf(found: WebAssembly.Exports): Exports {
  const { memory, heap, bytes, width, start, run, temper, read, write, energy, bestEnergy, readBest, forget } = found
  const call = (name: unknown) => {
    if (typeof name !== 'function') throw new TypeError('the WebAssembly kernels are not complete')
    return (...numbers: number[]): number => name(...numbers)
  }
  if (!(memory instanceof WebAssembly.Memory)) throw new TypeError('the WebAssembly kernels have no memory')
  return {
    memory,
    heap: call(heap),
    bytes: call(bytes),
    width: call(width),
    start: call(start),
    run: call(run),
    temper: call(temper),
    read: call(read),
    write: call(write),
    energy: call(energy),
    bestEnergy: call(bestEnergy),
    readBest: call(readBest),
    forget: call(forget),
  }
}
