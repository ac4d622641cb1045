import { join } from 'node:path'
import { specForLength } from '@qt/core'
import { convert, interleaveRows, type Model, openModel, separateRows, type TensorEntry } from '@qt/weights'
import { afterAll, describe, expect, test } from 'vitest'
import { binding, type NativeTrainer, type StepOptions, type TrainedTensor } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import {
  architectureNames,
  batch,
  digest,
  length,
  numbers,
  type Results,
  readArchitecture,
  tensorsOf,
  vocabulary,
  writeArchitecture,
} from './architectures.js'
import { onAllLinear, plainStep } from './engine.js'
import { temporaryFolder } from './support.js'

/*
 * Every architecture, in full training and with LoRA, from a Hugging Face folder and from the GGUF that it converts to: logits, loss and
 * every gradient against transformers and PEFT, in float32.
 */

const folder = await temporaryFolder()
const tolerance = 1e-4
const rank = 4
const scale = 2

/** What GGUF has no place for. */
const onlyFolders: Readonly<Record<string, RegExp>> = {
  'qwen2-window': /pattern of windows/,
  'gemma3-linear': /pattern of windows/,
}

const options = (full: boolean, layers: number): StepOptions => ({
  ...plainStep,
  ...{ maxTokens: 2 * length, maxPositions: length, lossChunk: 32 },
  checkpointing: !full,
  full,
  adapters: full ? [] : onAllLinear(layers, { rank, scale, magnitude: false, origin: false }),
})

interface Case {
  readonly model: Model
  readonly modelType: string
}

const open = async (name: string, format: 'folder' | 'gguf'): Promise<Case> => {
  const expected = await readArchitecture(name)
  const path = join(folder, name)
  await writeArchitecture(path, expected)
  const modelType = String(expected.config.model_type)
  if (format === 'folder') return { model: await openModel(path), modelType }
  const file = join(folder, `${name}.gguf`)
  await convert(path, file, { type: 'F32' })
  return { model: await openModel(file), modelType }
}

/** Numbers of rows in the order of the file to Hugging Face's, or back. */
function reordered(values: Float32Array, entry: TensorEntry, { model }: Case, how: typeof separateRows): Float32Array {
  if (entry.permuted === undefined || model.spec.rope.layout !== 'interleaved') return values
  return how(values, model.spec[entry.permuted], model.spec.headDim)
}

/** The entries that a tensor of Hugging Face consists of, with their canonical names. */
const partsOf = (entry: TensorEntry, layer: number) =>
  (entry.parts ?? [entry]).map((part) => ({ entry: part, module: layer < 0 ? part.name : `blk.${layer}.${part.name}` }))

const loraName = (name: string, side: 'A' | 'B') => `base_model.model.${name.replace(/weight$/, `lora_${side}.weight`)}`

const joined = (parts: readonly Float32Array[]) => Float32Array.from(parts.flatMap((part) => [...part]))

/** Every gradient by the name that transformers or PEFT has for it. */
function gradientsOf(trainer: NativeTrainer, at: Case, full: boolean): Map<string, Float32Array> {
  const tensors = new Map(trainer.tensors().map((tensor) => [`${tensor.module} ${tensor.role}`, tensor]))
  const read = ({ offset, rows, columns }: TrainedTensor) => trainer.read('gradients', offset, rows * columns)
  const found = new Map<string, Float32Array>()
  const { architecture, spec } = at.model.description
  for (const { name, entry, layer } of tensorsOf(architecture, spec.layers)) {
    const parts = partsOf(entry, layer)
    const of = (role: string) =>
      parts.flatMap(({ entry: part, module }) => {
        const tensor = tensors.get(`${module} ${role}`)
        return tensor === undefined ? [] : [{ part, values: read(tensor) }]
      })
    const inOrder = (list: ReturnType<typeof of>) =>
      joined(list.map(({ part, values }) => reordered(values, part, at, separateRows)))
    if (full) {
      if (of('weight').length > 0) found.set(name, inOrder(of('weight')))
      continue
    }
    const [a, b] = [of('lora_a'), of('lora_b')]
    if (a.length === 0) continue
    // Parts of one tensor share PEFT's A, so its gradient is the sum of theirs.
    found.set(
      loraName(name, 'A'),
      a[0]!.values.map((_, i) => a.reduce((sum, { values }) => sum + values[i]!, 0)),
    )
    found.set(loraName(name, 'B'), inOrder(b))
  }
  return found
}

function writeAdapters(trainer: NativeTrainer, at: Case): void {
  const { architecture, spec } = at.model.description
  const tensors = new Map(trainer.tensors().map((tensor) => [`${tensor.module} ${tensor.role}`, tensor]))
  for (const { name, entry, layer } of tensorsOf(architecture, spec.layers)) {
    let firstRow = 0
    for (const { entry: part, module } of partsOf(entry, layer)) {
      const [a, b] = [tensors.get(`${module} lora_a`), tensors.get(`${module} lora_b`)]
      if (a === undefined || b === undefined) continue
      trainer.write('parameters', a.offset, numbers(loraName(name, 'A'), a.rows * a.columns, at.modelType))
      const begin = firstRow * rank
      const rows = numbers(loraName(name, 'B'), begin + b.rows * rank, at.modelType).slice(begin)
      trainer.write('parameters', b.offset, reordered(rows, part, at, interleaveRows))
      firstRow += b.rows
    }
  }
}

/** The largest relative difference of the loss and of every gradient. */
async function difference(at: Case, expected: Results, full: boolean): Promise<number> {
  const { Model: NativeModel, Trainer } = binding()
  const spec = specForLength(at.model.spec, length)
  const trainer = new Trainer(new NativeModel(spec, tensorSources(at.model), 'packed'), options(full, spec.layers), 2)
  try {
    if (!full) writeAdapters(trainer, at)
    const rows = batch()
    const trainable = rows.labels.filter((label) => label >= 0).length
    const sum = await trainer.forwardBackward(rows, { weight: 1 / trainable, micro: 0 })
    const differences: [string, number][] = [['loss', Math.abs(sum.loss / trainable / expected.loss - 1)]]
    const found = gradientsOf(trainer, at, full)
    expect([...found.keys()].sort()).toEqual(Object.keys(expected.gradients).sort())
    for (const [name, gradient] of found) {
      const [norm, ...sums] = expected.gradients[name]!
      const [ourNorm, ...ours] = digest(name, gradient)
      const squares = ours.reduce((total, value, i) => total + (value - sums[i]!) ** 2, 0) / ours.length
      differences.push([name, Math.max(Math.abs(ourNorm / norm - 1), Math.sqrt(squares) / norm)])
    }
    const [name, worst] = differences.reduce((a, b) => (b[1] > a[1] ? b : a))
    expect(worst, name).toBeLessThan(tolerance)
    return worst
  } finally {
    trainer.close()
  }
}

/** The largest difference of logits through the cache, relative to the largest logit. */
async function logitDifference(at: Case, expected: Results): Promise<number> {
  const { Model: NativeModel, Session } = binding()
  const spec = specForLength(at.model.spec, length)
  const session = new Session(
    new NativeModel(spec, tensorSources(at.model), 'packed'),
    { contextLength: 64, bf16: false, dots: false },
    2,
  )
  const cache = session.addCache('float32')
  try {
    const { ids } = batch()
    // A prompt in one piece, then token by token.
    const wanted = [await session.append(cache, 0, ids.slice(0, 21), 1, true)]
    for (let i = 21; i < length; i++)
      wanted[1] = await session.decode(Int32Array.of(cache), Int32Array.of(0), ids.slice(i, i + 1))
    const size = Math.max(...expected.logits.flat().map(Math.abs))
    const errors = expected.logits.flatMap((row, i) => row.map((value, token) => Math.abs(wanted[i]![token]! - value) / size))
    expect(errors).toHaveLength(2 * vocabulary)
    return Math.max(...errors)
  } finally {
    session.close()
  }
}

const reached: string[] = []
afterAll(() => console.log(['largest relative difference from transformers: full, LoRA, logits', ...reached].join('\n')))

describe.each(architectureNames)('%s', (name) => {
  test.each(name in onlyFolders ? (['folder'] as const) : (['folder', 'gguf'] as const))(
    'computes what transformers computes, from a %s',
    async (format) => {
      const expected = await readArchitecture(name)
      const at = await open(name, format)
      const results = [
        await difference(at, expected.full, true),
        await difference(at, expected.lora, false),
        await logitDifference(at, expected.full),
      ]
      expect(results[2]).toBeLessThan(tolerance)
      reached.push(`${name} (${format}): ${results.map((value) => value.toExponential(1)).join(', ')}`)
    },
  )

  test.runIf(name in onlyFolders)('is refused by name where GGUF has no place for it', async () => {
    await expect(open(name, 'gguf')).rejects.toThrow(onlyFolders[name]!)
  })

  test.skipIf(name in onlyFolders)('is the same model after a trip through GGUF', async () => {
    const { model: before } = await open(name, 'folder')
    await open(name, 'gguf')
    const again = join(folder, `${name}-again`)
    await convert(join(folder, `${name}.gguf`), again, { type: 'F32' })
    const after = await openModel(again)
    const rounded = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value), (_, x) => (typeof x === 'number' ? Number(x.toPrecision(6)) : x))
    expect(rounded(after.spec)).toEqual(rounded(before.spec))
    expect(await difference({ model: after, modelType: name }, (await readArchitecture(name)).full, true)).toBeLessThan(tolerance)
  })
})
