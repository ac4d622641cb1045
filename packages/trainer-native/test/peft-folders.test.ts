import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { specForLength, type TrainingConfigInput } from '@qt/core'
import { convert, convertAdapter, openModel, readAdapter, readGguf, readSafetensors, writeAdapter } from '@qt/weights'
import { describe, expect, test } from 'vitest'
import { binding } from '../src/binding.js'
import { adapterSet } from '../src/generate/adapter-set.js'
import { adapterGradients, train } from '../src/index.js'
import { tensorSources } from '../src/train/base.js'
import { architectureNames, batch, length, readArchitecture, writeArchitecture, writePeftAdapter } from './architectures.js'
import { temporaryFolder } from './support.js'

/* Folders of PEFT on every architecture; where several projections lie in one tensor (Phi-3), PEFT has one adapter for all of them. */

const folder = await temporaryFolder()

/** Logits of position 20 and the last of the first row, under an adapter. */
async function logitsUnder(base: string, adapter: string): Promise<Float32Array[]> {
  const { Model, Session } = binding()
  const model = await openModel(base)
  const spec = specForLength(model.spec, length)
  const session = new Session(new Model(spec, tensorSources(model), 'packed'), { contextLength: 64, bf16: false, dots: false }, 2)
  try {
    const adapters = await session.addAdapters(adapterSet([await readAdapter(adapter, model.spec)], [adapter]))
    const ids = batch().ids.slice(0, length)
    const cache = session.addCache('float32')
    const first = await session.append(cache, adapters, ids.slice(0, 21), 1, true)
    return [first!, (await session.append(cache, adapters, ids.slice(21), 1, true))!]
  } finally {
    session.close()
  }
}

const worst = (ours: readonly ArrayLike<number>[], theirs: readonly ArrayLike<number>[]): number =>
  Math.max(
    ...theirs.flatMap((row, i) => {
      const size = Math.max(...Array.from(row, Math.abs))
      return Array.from(row, (value, j) => Math.abs(value - ours[i]![j]!) / size)
    }),
  )

async function written(name: string): Promise<{ base: string; adapter: string }> {
  const [base, adapter] = [join(folder, name), join(folder, `${name}-adapter`)]
  const fixture = await readArchitecture(name)
  await writeArchitecture(base, fixture)
  await writePeftAdapter(adapter, fixture)
  return { base, adapter }
}

describe.each(architectureNames)('%s', (name) => {
  test('an adapter that PEFT wrote gives its logits, and is written as it was read', async () => {
    const { base, adapter } = await written(name)
    const { lora } = await readArchitecture(name)
    expect(worst(await logitsUnder(base, adapter), lora.logits)).toBeLessThan(1e-4)
    const { spec } = await openModel(base)
    const again = join(folder, `${name}-again`)
    await writeAdapter(again, await readAdapter(adapter, spec), spec)
    const [before, after] = await Promise.all(
      [adapter, again].map((path) => readSafetensors(join(path, 'adapter_model.safetensors'))),
    )
    expect([...after!.tensors.keys()].sort()).toEqual([...before!.tensors.keys()].sort())
    for (const tensor of before!.tensors.keys()) expect(await after!.read(tensor)).toEqual(await before!.read(tensor))
  })
})

describe('on Phi-3', async () => {
  const { base } = await written('phi3')
  const { spec } = await openModel(base)
  const trained = async (output: string, adapter: TrainingConfigInput['adapter']) => {
    const data = { path: join(import.meta.dirname, 'fixtures/loraplus/rows.jsonl'), format: 'tokens' } as const
    const training = { steps: 2, batchSize: 2, sequenceLength: 64, learningRate: 1e-2, schedule: 'constant' } as const
    const rows = join(folder, 'rows.jsonl')
    // Ids of a vocabulary of 128 on one of 96.
    const text = (await readFile(data.path, 'utf8')).replace(/\d+/g, (id) => String(Number(id) % 96))
    await writeFile(rows, text)
    return (await train({ base, data: { ...data, path: rows }, adapter, training, output: join(folder, output) })).adapter!.path
  }

  test('what is trained apart is written as one adapter of each tensor, and goes on with its own ranks', async () => {
    const path = await trained('apart', { rank: 3, alpha: 5, targets: ['q_proj', 'v_proj', 'up_proj', 'o_proj'] })
    const config: { rank_pattern: Record<string, number>; target_modules: string[] } = JSON.parse(
      await readFile(join(path, 'adapter_config.json'), 'utf8'),
    )
    expect(config.target_modules).toEqual(['gate_up_proj', 'o_proj', 'qkv_proj'])
    expect(config.rank_pattern).toEqual({ 'model.layers.0.self_attn.qkv_proj': 6, 'model.layers.1.self_attn.qkv_proj': 6 })
    const { modules } = await readAdapter(path, spec)
    expect([...modules].map(([name, { rank, alpha }]) => [name, rank, alpha])).toEqual(
      [0, 1].flatMap((layer) =>
        ['attn_q', 'attn_v', 'attn_output', 'ffn_up'].map((name) => [`blk.${layer}.${name}.weight`, 3, expect.closeTo(5, 12)]),
      ),
    )
    const { modules: after } = await readAdapter(await trained('on', { init: path }), spec)
    expect([...after.keys()]).toEqual([...modules.keys()])
    expect(after.get('blk.0.attn_q.weight')!.b).not.toEqual(modules.get('blk.0.attn_q.weight')!.b)
  })

  test('is the same over a GGUF base, and a GGUF adapter has the tensors that llama.cpp has', async () => {
    const { adapter } = await written('phi3')
    const file = join(folder, 'phi3.gguf')
    await convert(base, file, { type: 'F32' })
    expect(worst(await logitsUnder(file, adapter), await logitsUnder(base, adapter))).toBeLessThan(1e-4)
    await convertAdapter(adapter, join(folder, 'adapter.gguf'), { base: file })
    const { tensors } = await readGguf(join(folder, 'adapter.gguf'))
    const shapes = [...tensors].filter(([name]) => name.startsWith('blk.0.')).map(([name, { shape }]) => [name, shape])
    expect(Object.fromEntries(shapes)).toMatchObject({
      'blk.0.attn_qkv.weight.lora_a': [4, spec.dModel],
      'blk.0.attn_qkv.weight.lora_b': [(spec.heads + 2 * spec.kvHeads) * spec.headDim, 4],
      'blk.0.ffn_up.weight.lora_b': [2 * spec.ffn, 4],
    })
    expect(shapes).toHaveLength(8)
  })

  test('projections are named as in other models, or as PEFT names their tensor', async () => {
    const path = await trained('named', { rank: 2, targets: ['qkv_proj'], rankPattern: { 'layers.1.self_attn.k_proj': 4 } })
    const { modules } = await readAdapter(path, spec)
    expect([...modules].map(([name, { rank }]) => [name, rank])).toEqual(
      [0, 1].flatMap((layer) =>
        ['q', 'k', 'v'].map((part) => [`blk.${layer}.attn_${part}.weight`, layer === 1 && part === 'k' ? 4 : 2]),
      ),
    )
    const gradients = await adapterGradients({
      base,
      data: { path: join(folder, 'rows.jsonl'), format: 'tokens' },
      adapter: { rank: 2 },
      training: { sequenceLength: 64 },
    })
    expect(gradients.map((module) => module.path).slice(0, 3)).toEqual(
      ['q', 'k', 'v'].map((part) => `model.layers.0.self_attn.${part}_proj`),
    )
  })

  test('DoRA on a part of a tensor is refused before training', async () => {
    await expect(trained('dora', { kind: 'dora', targets: ['q_proj', 'o_proj'] })).rejects.toMatchObject({
      code: 'ADAPTER_UNSUPPORTED',
      message: expect.stringContaining('qkv_proj'),
      where: { field: 'adapter.targets' },
    })
    const path = await trained('dora', { kind: 'dora', rank: 2, targets: ['qkv_proj', 'o_proj'] })
    const { modules } = await readAdapter(path, spec)
    expect(modules.get('blk.0.attn_k.weight')!.magnitude).toHaveLength(spec.kvHeads * spec.headDim)
    const part = new Map([...modules].filter(([name]) => !name.includes('attn_k')))
    await expect(writeAdapter(join(folder, 'part'), { ...(await readAdapter(path, spec)), modules: part }, spec)).rejects.toThrow(
      /DoRA on a part of model\.layers\.0\.self_attn\.qkv_proj/,
    )
  })
})
