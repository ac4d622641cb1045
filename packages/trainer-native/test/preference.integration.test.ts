import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepEvent, TrainingConfigInput } from '@qt/core'
import { expect, test } from 'vitest'
import { train } from '../src/index.js'
import { fixture, numbersOf, temporaryFolder } from './support.js'

const folder = await temporaryFolder()
const pairs = join(folder, 'pairs.jsonl')
const prompt = Array.from({ length: 6 }, (_, i) => 3 + i)
const side = (answer: readonly number[]) => ({
  input_ids: [...prompt, ...answer],
  labels: [...prompt.map(() => -100), ...answer],
})
await writeFile(
  pairs,
  Array.from({ length: 8 }, (_, i) =>
    JSON.stringify({ chosen: side([20, 21 + (i % 3), 22]), rejected: side([40, 41, 42 + (i % 2), 43, 44]) }),
  ).join('\n'),
)

const config = (output: string, more: TrainingConfigInput['training']): TrainingConfigInput => ({
  base: fixture('tiny-untied'),
  data: { path: pairs, format: 'preference' },
  adapter: { rank: 4, alpha: 8 },
  training: {
    steps: 12,
    batchSize: 2,
    gradAccumulation: 2,
    sequenceLength: 32,
    precision: 'float32',
    learningRate: 5e-3,
    schedule: 'constant',
    ...more,
  },
  threads: 2,
  output: join(folder, output),
})

async function losses(run: ReturnType<typeof train>): Promise<number[]> {
  const steps: StepEvent[] = []
  for await (const event of run) if (event.type === 'step') steps.push(event)
  return steps.map(({ loss }) => loss)
}

test('DPO begins at log 2, where model and reference are the same, and learns to prefer', async () => {
  const found = await losses(train(config('dpo', { objective: 'dpo', preferenceStrength: 0.3 })))
  expect(found[0]).toBeCloseTo(Math.log(2), 6)
  expect(found.at(-1)).toBeLessThan(0.3)
})

test('ORPO learns the chosen answers and prefers them', async () => {
  const found = await losses(train(config('orpo', { objective: 'orpo' })))
  expect(found.at(-1)).toBeLessThan(0.6 * found[0]!)
})

test.each(['dpo', 'orpo'] as const)('validation has the loss of training: %s', async (objective) => {
  const given = config(`validated-${objective}`, { objective, steps: 1, batchSize: 8, gradAccumulation: 1, learningRate: 1e-12 })
  const found = { step: Number.NaN, validation: Number.NaN }
  for await (const event of train({ ...given, data: { path: pairs, format: 'preference', validation: pairs } }))
    if (event.type === 'step' || event.type === 'validation') found[event.type] = event.loss
  // Cut into micro-batches of its own.
  const few = {
    ...given,
    output: join(folder, `few-${objective}`),
    training: { ...given.training, batchSize: 3, gradAccumulation: 3 },
  }
  const again: number[] = []
  for await (const event of train({ ...few, data: { path: pairs, format: 'preference', validation: pairs } }))
    if (event.type === 'validation') again.push(event.loss)
  expect(found.step).toBeGreaterThan(0.1)
  expect(Math.abs(found.validation / found.step - 1)).toBeLessThan(1e-5)
  expect(Math.abs(again[0]! / found.step - 1)).toBeLessThan(1e-5)
})

/** What a run of one step validates to, before anything is learned. */
async function validated(name: string, data: string, format: 'tokens' | 'preference', training: TrainingConfigInput['training']) {
  const given = config(name, { steps: 1, learningRate: 1e-12, ...training })
  for await (const event of train({ ...given, data: { path: data, format, validation: data } }))
    if (event.type === 'validation') return event
  throw new Error('nothing was validated')
}

test.each(['dpo', 'orpo'] as const)('perplexity and accuracy are those of the chosen answers: %s', async (objective) => {
  const chosen = join(folder, `chosen-${objective}.jsonl`)
  const lines = (await readFile(pairs, 'utf8')).split('\n').map((line) => JSON.stringify(JSON.parse(line).chosen))
  await writeFile(chosen, lines.join('\n'))
  const ofAnswers = await validated(`answers-${objective}`, chosen, 'tokens', {})
  const ofPairs = await validated(`of-${objective}`, pairs, 'preference', { objective })
  expect(Math.abs(ofPairs.perplexity / ofAnswers.perplexity - 1)).toBeLessThan(1e-5)
  expect(ofPairs.tokenAccuracy).toBe(ofAnswers.tokenAccuracy)
  expect(Math.abs(Math.log(ofPairs.perplexity) - ofPairs.loss)).toBeGreaterThan(0.01)
})

test.each(['dpo', 'orpo'] as const)('a pair of weight 2 is learned and validated as the pair twice: %s', async (objective) => {
  const [first, second, third] = (await readFile(pairs, 'utf8')).split('\n')
  const numbers = async (name: string, lines: readonly unknown[]) => {
    const path = join(folder, `${name}-${objective}.jsonl`)
    await writeFile(path, lines.map((line) => JSON.stringify(line)).join('\n'))
    const given = config(`${name}-${objective}`, { objective, steps: 3, batchSize: 2, gradAccumulation: 2 })
    const found: number[] = []
    for await (const event of train({ ...given, data: { path, format: 'preference', validation: path } })) {
      if (event.type === 'step') found.push(event.loss, event.gradNorm)
      if (event.type === 'validation') found.push(event.loss, event.perplexity)
    }
    return found
  }
  const [a, b, c] = [first!, second!, third!].map((line) => JSON.parse(line))
  const twice = await numbers('twice', [a, b, b, c])
  expect(twice).toHaveLength(8)
  for (const [i, value] of (await numbers('weighed', [a, { ...b, weight: 2 }, c])).entries())
    expect(Math.abs(value / twice[i]! - 1)).toBeLessThan(1e-4)
})

test('DPO with dropout gives the same bytes for any number of threads', async () => {
  const settings = { objective: 'dpo' } as const
  const bytes = async (name: string, threads: number) => {
    const { adapter } = await train({ ...config(name, settings), adapter: { rank: 4, dropout: 0.2 }, threads })
    return numbersOf(join(adapter!.path, 'adapter_model.safetensors'))
  }
  expect(await bytes('one', 1)).toEqual(await bytes('seven', 7))
})

test('DPO without an adapter has no reference, and says so', async () => {
  const { adapter: _, ...whole } = config('whole', { objective: 'dpo' })
  await expect(train(whole)).rejects.toMatchObject({ code: 'CONFIG_INVALID', where: { field: 'training.objective' } })
})
