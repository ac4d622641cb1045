import { join } from 'node:path'
import { specForLength, type TensorType } from '@qt/core'
import { convert, openModel } from '@qt/weights'
import { describe, expect, test } from 'vitest'
import { binding, type NativeTrainer, type StepOptions, type Storage } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { batch, length, numbers, readArchitecture, writeArchitecture } from './architectures.js'
import { onAllLinear, plainStep } from './engine.js'
import { blockTypes, distance, withBlocks } from './random-blocks.js'
import { temporaryFolder } from './support.js'

/*
 * Every architecture × every type of base × every adapter: loss and every gradient from the weights as they lie, against the same weights
 * decoded to float32 beforehand. That the float32 ones are right is what conformance.test.ts and peft.test.ts say.
 */

const folder = await temporaryFolder()
const architectures = ['llama3', 'mistral', 'smollm3', 'qwen2', 'qwen3', 'gemma2', 'gemma3', 'phi3'] as const
const adapters = ['lora', 'dora', 'pissa', 'lora and embedding'] as const
const bases = [...blockTypes, 'F16', 'BF16', 'NF4'] as const
const rank = 3

/** Rows of 256 everywhere, which all blocks divide; a GGUF file in float32. */
const plain = Object.fromEntries(
  await Promise.all(
    architectures.map(async (name) => {
      const { config, ...rest } = await readArchitecture(name)
      const wide = { hidden_size: 256, intermediate_size: 256, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 64 }
      const path = join(folder, name)
      // GGUF takes the scale of attention from the size of a head.
      const scale = 'query_pre_attn_scalar' in config ? { query_pre_attn_scalar: wide.head_dim } : {}
      await writeArchitecture(path, { ...rest, config: { ...config, ...wide, ...scale } })
      const file = `${path}.gguf`
      await convert(path, file, { type: 'F32' })
      return [name, file] as const
    }),
  ),
)

async function baseOf(name: string, type: (typeof bases)[number]): Promise<string> {
  if (type === 'NF4') return plain[name]!
  const file = join(folder, `${name}-${type}.gguf`)
  if (type !== 'F16' && type !== 'BF16') return withBlocks(plain[name]!, type satisfies TensorType, file)
  await convert(plain[name]!, file, { type })
  return file
}

const options = (kind: (typeof adapters)[number], layers: number, vocabularyOnly: boolean): StepOptions => ({
  ...plainStep,
  ...{ maxTokens: 2 * length, maxPositions: length, lossChunk: 32 },
  trainEmbedding: vocabularyOnly,
  trainOutput: vocabularyOnly,
  adapters: onAllLinear(layers, { rank, scale: 0.5, magnitude: kind === 'dora', origin: kind === 'pissa' }),
})

async function start(trainer: NativeTrainer, kind: (typeof adapters)[number]): Promise<void> {
  if (kind === 'pissa') expect(await trainer.startPrincipal()).toBe(true)
  for (const { module, role, offset, rows, columns } of trainer.tensors()) {
    if (role !== 'lora_a' && role !== 'lora_b') continue
    const drawn = numbers(`${module} ${role} lora_`, rows * columns, 'llama')
    const now = kind === 'pissa' ? trainer.read('parameters', offset, rows * columns) : undefined
    trainer.write('parameters', offset, now ? drawn.map((value, i) => now[i]! + 0.1 * value) : drawn)
  }
  if (kind === 'dora') trainer.startMagnitudes()
}

const tolerance = 2e-5

async function results(file: string, storage: Storage, kind: (typeof adapters)[number]) {
  const { Model, Trainer } = binding()
  const model = await openModel(file)
  const native = new Model(specForLength(model.spec, length), tensorSources(model), storage)
  const trainer = new Trainer(native, options(kind, model.spec.layers, kind === 'lora and embedding'), 2)
  try {
    await start(trainer, kind)
    const { loss, tokens } = await trainer.forwardBackward(batch(), { weight: 1 / 64, micro: 0 })
    const gradients = trainer.tensors().map(({ module, role, offset, rows, columns }) => ({
      name: `${module} ${role}`,
      values: trainer.read('gradients', offset, rows * columns),
    }))
    return { loss: loss / tokens, gradients }
  } finally {
    trainer.close()
  }
}

describe.each(architectures)('%s', (name) => {
  test.each(bases)('on %s', async (type) => {
    const file = await baseOf(name, type)
    for (const kind of adapters) {
      const packed = await results(file, type === 'NF4' ? 'nf4' : 'packed', kind)
      expect(Number.isFinite(packed.loss), kind).toBe(true)
      if (type === 'NF4') {
        // Four bits of every weight: near float32, not the same.
        const whole = await results(file, 'float32', kind)
        expect(Math.abs(packed.loss / whole.loss - 1), kind).toBeGreaterThan(0)
        expect(Math.abs(packed.loss / whole.loss - 1), kind).toBeLessThan(0.2)
        continue
      }
      const decoded = await results(file, 'float32', kind)
      expect(Math.abs(packed.loss / decoded.loss - 1), kind).toBeLessThan(1e-5)
      expect(packed.gradients.length).toBeGreaterThanOrEqual(14)
      for (const [i, { name: tensor, values }] of packed.gradients.entries())
        expect(distance(values, decoded.gradients[i]!.values), `${kind}: ${tensor}`).toBeLessThan(tolerance)
    }
  })
})
