import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tensorTypes } from '@qt/core'
import { type GgufTensor, writeGguf } from '@qt/weights'
import { root } from '../src/root.js'

/**
 * Writes a GGUF file of random Q4_K blocks in the shape of Qwen2.5-Coder-7B (4.3 GB), for measuring what no download is needed for:
 * npx tsx tools/bench/random-gguf.ts [FILE]
 */
const file = process.argv[2] ?? join(root, '.cache/bench/random-7b.Q4_K.gguf')
const [vocabulary, layers, width, kv, ffn] = [152064, 28, 3584, 512, 18944]

const type = 'Q4_K' as const
const blockBytes = 144
const pieceBlocks = 1 << 14

/** Blocks whose scales are small halves and whose other bytes are anything, from a counter. */
function* randomBlocks(blocks: number, seed: number): Generator<Uint8Array> {
  let state = seed | 1
  for (let done = 0; done < blocks; done += pieceBlocks) {
    const count = Math.min(pieceBlocks, blocks - done)
    const words = new Uint32Array((count * blockBytes) / 4)
    for (let i = 0; i < words.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0
      // d and dmin, two halves a block: 2⁻¹³ and 7.5 times that, so that weights lie about nought.
      words[i] = i % (blockBytes / 4) === 0 ? 0x13800800 : state ^ (state >>> 15)
    }
    yield new Uint8Array(words.buffer)
  }
}

let seed = 1
function matrix(name: string, rows: number, columns: number): GgufTensor {
  const [blocks, own] = [(rows * columns) / tensorTypes[type].blockSize, ++seed]
  return {
    name,
    type,
    shape: [rows, columns],
    data: async function* () {
      yield* randomBlocks(blocks, own)
    },
  }
}
function vector(name: string, length: number, value: number): GgufTensor {
  const bytes = new Uint8Array(new Float32Array(length).fill(value).buffer)
  return {
    name,
    type: 'F32',
    shape: [length],
    data: async function* () {
      yield bytes
    },
  }
}

const block = (index: number): GgufTensor[] => {
  const of = (name: string) => `blk.${index}.${name}`
  return [
    vector(of('attn_norm.weight'), width, 1),
    matrix(of('attn_q.weight'), width, width),
    vector(of('attn_q.bias'), width, 0.01),
    matrix(of('attn_k.weight'), kv, width),
    vector(of('attn_k.bias'), kv, 0.01),
    matrix(of('attn_v.weight'), kv, width),
    vector(of('attn_v.bias'), kv, 0.01),
    matrix(of('attn_output.weight'), width, width),
    vector(of('ffn_norm.weight'), width, 1),
    matrix(of('ffn_gate.weight'), ffn, width),
    matrix(of('ffn_up.weight'), ffn, width),
    matrix(of('ffn_down.weight'), width, ffn),
  ]
}

const text = (value: string) => ({ type: 'STRING', value }) as const
const whole = (value: number) => ({ type: 'UINT32', value }) as const
const real = (value: number) => ({ type: 'FLOAT32', value }) as const
type Value = ReturnType<typeof text> | ReturnType<typeof whole> | ReturnType<typeof real>
const metadata = new Map<string, Value>([
  ['general.architecture', text('qwen2')],
  ['general.name', text('random 7B')],
  ['qwen2.block_count', whole(layers)],
  ['qwen2.context_length', whole(32768)],
  ['qwen2.embedding_length', whole(width)],
  ['qwen2.feed_forward_length', whole(ffn)],
  ['qwen2.attention.head_count', whole(28)],
  ['qwen2.attention.head_count_kv', whole(4)],
  ['qwen2.attention.layer_norm_rms_epsilon', real(1e-6)],
  ['qwen2.rope.freq_base', real(1e6)],
])
const tensors = [
  matrix('token_embd.weight', vocabulary, width),
  ...Array.from({ length: layers }, (_, index) => block(index)).flat(),
  vector('output_norm.weight', width, 1),
  matrix('output.weight', vocabulary, width),
]
await mkdir(dirname(file), { recursive: true })
await writeGguf(file, { metadata, tensors })
console.log(file)
