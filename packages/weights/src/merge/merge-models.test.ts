import { readdir, readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { fixture, temporaryFolder } from '../../test/files.js'
import { decodeBlocks } from '../blocks/decode.js'
import { convert } from '../convert/convert.js'
import { openModel } from '../model/open-model.js'
import { readSafetensors, type Safetensors } from '../safetensors/read.js'
import { loadMergeRecipe } from './load-recipe.js'
import { merge } from './merge.js'
import { mergeModels } from './merge-models.js'
import type { MergeRecipe } from './recipe.js'

const merges = fixture('merges')

/** Runs where the recipes' relative paths lead to the models. */
function inFolder(folder: string): void {
  const before = process.cwd()
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
}

const numbers = async (file: Safetensors, name: string) => decodeBlocks('F32', await file.read(name))

async function largestDifference(ours: string, theirs: string): Promise<number> {
  const [mine, expected] = [await readSafetensors(ours), await readSafetensors(theirs)]
  let largest = 0
  expect(expected.tensors.size).toBeGreaterThan(5)
  for (const name of expected.tensors.keys()) {
    const [left, right] = [await numbers(mine, name), await numbers(expected, name)]
    expect(left.length).toBe(right.length)
    left.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value - right[i]!))
    })
  }
  return largest
}

const recipes = (await readdir(merges)).filter((name) => name.endsWith('.yaml')).map((name) => name.replace('.yaml', ''))

describe('mergeModels', () => {
  it.each(recipes)('makes the numbers that mergekit makes: %s', async (name) => {
    inFolder(merges)
    const out = `${temporaryFolder()}/merged`
    const report = await mergeModels(await loadMergeRecipe(`${name}.yaml`), { out })
    expect(await largestDifference(`${out}/model.safetensors`, `${merges}/${name}.safetensors`)).toBeLessThan(5e-7)
    expect(report).toMatchObject({ kind: 'hf', type: 'F32' })
    expect((await openModel(out)).spec.layers).toBe(report.layers)
  })

  it('is among the recipes of every method', () => {
    expect(recipes.length).toBeGreaterThanOrEqual(10)
  })

  it('keeps a random share with DARE, the sum of magnitudes as it was, and the same for the same seed', async () => {
    inFolder(merges)
    const folder = temporaryFolder()
    const recipe = (seed: number): MergeRecipe => ({
      merge_method: 'dare_linear',
      base_model: 'base',
      models: [{ model: 'a', parameters: { weight: 1, density: 0.3 } }],
      dtype: 'float32',
      seed,
    })
    for (const [name, seed] of [
      ['one', 1],
      ['again', 1],
      ['two', 2],
    ] as const)
      await mergeModels(recipe(seed), { out: `${folder}/${name}` })
    const bytes = (name: string) => readFile(`${folder}/${name}/model.safetensors`)
    expect(Buffer.compare(await bytes('one'), await bytes('again'))).toBe(0)
    expect(Buffer.compare(await bytes('one'), await bytes('two'))).not.toBe(0)
    const name = 'model.layers.1.mlp.down_proj.weight'
    const [made, base, tuned] = await Promise.all(
      [`${folder}/one`, 'base', 'a'].map(async (path) => numbers(await readSafetensors(`${path}/model.safetensors`), name)),
    )
    const kept = made!.filter((value, i) => value !== base![i]).length / made!.length
    expect(kept).toBeGreaterThan(0.22)
    expect(kept).toBeLessThan(0.38)
    const sum = (values: Float32Array) => values.reduce((total, value, i) => total + Math.abs(value - base![i]!), 0)
    expect(sum(made!) / sum(tuned!)).toBeCloseTo(1, 4)
  })

  it('merges GGUF files as it merges folders', async () => {
    inFolder(merges)
    const folder = temporaryFolder()
    for (const name of ['base', 'a', 'b']) await convert(`${merges}/${name}`, `${folder}/${name}.gguf`, { type: 'F32' })
    const read: unknown = parse(
      (await readFile('ties.yaml', 'utf8')).replace(/(model|base_model): (\w+)$/gm, `$1: ${folder}/$2.gguf`),
    )
    await mergeModels(read as MergeRecipe, { out: `${folder}/merged.gguf` })
    await convert(`${folder}/merged.gguf`, `${folder}/merged`)
    expect(await largestDifference(`${folder}/merged/model.safetensors`, `${merges}/ties.safetensors`)).toBeLessThan(5e-7)
  })

  it('stacks layers of GGUF files', async () => {
    const folder = temporaryFolder()
    const model = `${folder}/base.gguf`
    await convert(`${merges}/base`, model, { type: 'F32' })
    const sources = (from: number, to: number) => ({ sources: [{ model, layer_range: [from, to] as [number, number] }] })
    const report = await mergeModels(
      { merge_method: 'passthrough', slices: [sources(0, 3), sources(1, 3)] },
      { out: `${folder}/deep.gguf` },
    )
    expect(report.layers).toBe(5)
    expect((await openModel(`${folder}/deep.gguf`)).spec.layers).toBe(5)
  })

  it('takes adapters laid over their model', async () => {
    const folder = temporaryFolder()
    const [base, adapter] = [fixture('tiny-llama'), fixture('adapter')]
    await merge({ base, adapters: [{ path: adapter }], out: `${folder}/added` })
    const models = [{ model: `${base}+${adapter}`, parameters: { weight: 1 } }]
    await mergeModels({ merge_method: 'task_arithmetic', base_model: base, models }, { out: `${folder}/merged` })
    expect(await largestDifference(`${folder}/merged/model.safetensors`, `${folder}/added/model.safetensors`)).toBeLessThan(1e-6)
  })

  it('writes the type that the recipe names', async () => {
    inFolder(merges)
    const recipe = await loadMergeRecipe('linear.yaml')
    const out = `${temporaryFolder()}/merged`
    expect(await mergeModels({ ...recipe, out_dtype: 'bfloat16' }, { out })).toMatchObject({ type: 'BF16' })
    expect(JSON.parse(await readFile(`${out}/config.json`, 'utf8')).dtype).toBe('bfloat16')
  })

  it.each([
    ['merge_method: karcher\nmodels: [{ model: base }]\n', 1],
    ['merge_method: linear\nmodels:\n  - model: base\n    parameters: { wieght: 1 }\n', 4],
    ['merge_method: linear\nmodel: base\n', 2],
    ['merge_method: linear\nmodels: [{ model: base }\n', undefined],
    ['merge_method: linear\n', undefined],
  ])('names the line of what is wrong in %j', async (text, line) => {
    const file = `${temporaryFolder()}/recipe.yaml`
    await writeFile(file, text)
    const error = await loadMergeRecipe(file).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'MERGE_RECIPE', kind: 'usage', where: { file } })
    expect(error).toMatchObject({ where: line === undefined ? {} : { line } })
  })

  it.each([
    [{ merge_method: 'linear', models: [{ model: 'base' }] }, 'MERGE_RECIPE'],
    [
      { merge_method: 'slerp', base_model: 'base', models: [{ model: 'a' }, { model: 'b' }], parameters: { t: 0.5 } },
      'MERGE_RECIPE',
    ],
    [{ merge_method: 'ties', models: [{ model: 'a', parameters: { weight: 1 } }] }, 'MERGE_RECIPE'],
    [{ merge_method: 'passthrough', slices: [{ sources: [{ model: 'a', layer_range: [1, 4] }] }] }, 'MERGE_LAYERS'],
    [{ merge_method: 'passthrough', slices: [{ sources: [{ model: 'a', layer_range: [2, 2] }] }] }, 'MERGE_LAYERS'],
    [
      {
        merge_method: 'linear',
        models: [
          { model: 'base', parameters: { weight: 1 } },
          { model: '../tiny-llama', parameters: { weight: 1 } },
        ],
      },
      'MERGE_MISMATCH',
    ],
    [{ merge_method: 'linear', models: [{ model: 'nowhere', parameters: { weight: 1 } }] }, 'MODEL_MISSING'],
  ] satisfies [unknown, string][])('refuses %j', async (recipe, code) => {
    inFolder(merges)
    const out = `${temporaryFolder()}/merged`
    await expect(mergeModels(recipe as MergeRecipe, { out })).rejects.toMatchObject({ code })
    await expect(readdir(out)).rejects.toThrow()
  })

  it('leaves nothing behind when it is stopped', async () => {
    inFolder(merges)
    const folder = temporaryFolder()
    const stop = new AbortController()
    const recipe = await loadMergeRecipe('ties.yaml')
    await expect(
      mergeModels(recipe, { out: `${folder}/merged`, signal: stop.signal, onProgress: () => stop.abort() }),
    ).rejects.toThrow()
    expect(await readdir(folder)).toEqual([])
  })
})
