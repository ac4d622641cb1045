import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type HollowLlama, hollowLlama } from './hollow-llama.js'

const program = `
import { mergeModels } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
const [recipe, out] = process.argv.slice(1)
await mergeModels(JSON.parse(recipe), { out })
console.log(process.resourceUsage().maxRSS * 1024)
`

type Recipe = Record<string, unknown>

/** Merges three hollow models of a shape in a process of its own, and gives its peak in bytes. */
export async function mergePeak(folder: string, shape: HollowLlama, recipe: (base: string, a: string, b: string) => Recipe) {
  const models = ['base', 'a', 'b'].map((name) => join(folder, name))
  for (const model of models) await hollowLlama(model, shape)
  const [base, a, b] = models
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program, JSON.stringify(recipe(base!, a!, b!)), join(folder, 'merged')],
    { cwd: new URL('..', import.meta.url) },
  )
  return Number(stdout)
}

export const ties = (base: string, ...models: string[]): Recipe => ({
  merge_method: 'ties',
  base_model: base,
  models: models.map((model) => ({ model, parameters: { weight: 0.5, density: 0.4 } })),
  dtype: 'bfloat16',
})

export const slerp = (base: string, other: string): Recipe => ({
  merge_method: 'slerp',
  base_model: base,
  models: [{ model: other }],
  parameters: { t: 0.4 },
  dtype: 'bfloat16',
})
