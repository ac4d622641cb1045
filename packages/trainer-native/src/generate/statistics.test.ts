import { readFile } from 'node:fs/promises'
import { openModel } from '@qt/weights'
import { describe, expect, test } from 'vitest'
import { readArchitecture, writeArchitecture } from '../../test/architectures.js'
import { fixture, readJson, temporaryFolder } from '../../test/support.js'
import { binding, forcedKernels } from '../binding.js'
import { tensorSources } from '../train/base.js'
import { scheduler } from './scheduler.js'
import { statistics } from './statistics.js'

/** What make_statistics.py counted with hooks of torch. */
const expected = await readJson<{ inputs: Record<string, number[]>; tokens: number; cosines: number[] }>(
  fixture('statistics.json'),
)
const lines = (await readFile(fixture('tiny-untied', 'rows.jsonl'), 'utf8')).trim().split('\n')
const rows = lines.map((line): number[] => JSON.parse(line).input_ids)

async function open(folder: string, contextLength: number, threads = 1) {
  const { spec, description, ...model } = await openModel(folder)
  const { Model, Session } = binding()
  const handle = new Model(spec, tensorSources({ spec, description, ...model }), 'packed')
  const session = new Session(handle, { contextLength, bf16: false, dots: false }, threads, forcedKernels())
  const shared = scheduler(session, 'tiny', true)
  return {
    close: shared.close,
    ...statistics({ description, session, scheduler: shared, adapters: 0, exact: true, contextLength }),
  }
}

describe('statistics', () => {
  test('are those that hooks of torch count', async () => {
    const model = await open(fixture('tiny-untied'), 64)
    const { inputs, cosines, tokens } = await model.collect(rows, { output: true })
    await model.close()
    expect(tokens).toBe(expected.tokens)
    expect([...inputs.keys()].sort()).toEqual(Object.keys(expected.inputs).sort())
    for (const [name, { sums, counts }] of inputs) {
      expect([...counts]).toEqual([expected.tokens])
      for (const [i, sum] of expected.inputs[name]!.entries()) expect(sums[i]! / sum, `${name}[${i}]`).toBeCloseTo(1, 4)
    }
    for (const [layer, cosine] of expected.cosines.entries()) expect(cosines[layer]).toBeCloseTo(cosine, 5)
  })

  test('are the same to the last bit with any number of threads, and leave out the output unless asked', async () => {
    const collected = []
    for (const threads of [1, 3]) {
      const model = await open(fixture('tiny-untied'), 64, threads)
      collected.push(await model.collect(rows))
      await model.close()
    }
    expect(collected[0]).toEqual(collected[1])
    expect(collected[0]!.inputs.has('output.weight')).toBe(false)
  })

  test('have the names of tensors that hold several projections', async () => {
    const folder = await temporaryFolder()
    await writeArchitecture(folder, await readArchitecture('phi3'))
    const model = await open(folder, 64)
    const { inputs } = await model.collect([[3, 4, 5]])
    await model.close()
    expect([...inputs.keys()].filter((name) => name.startsWith('blk.0.'))).toEqual([
      'blk.0.attn_qkv.weight',
      'blk.0.attn_output.weight',
      'blk.0.ffn_up.weight',
      'blk.0.ffn_down.weight',
    ])
  })

  test('of rows longer than the context are refused, and stop when told', async () => {
    const model = await open(fixture('tiny-untied'), 20)
    await expect(model.collect(rows)).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
    await expect(model.collect([[1, 2]], { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    await model.close()
    await expect(model.collect([[1, 2]])).rejects.toMatchObject({ code: 'MODEL_CLOSED' })
  })
})
