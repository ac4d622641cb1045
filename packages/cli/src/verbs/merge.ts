import { usageError } from '@qt/core'
import type { FloatType } from '@qt/weights'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import type { Io } from '../io.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { localPath } from '../resolve.js'
import { floatType, floatTypeFlag } from './convert.js'

export const merge = defineVerb({
  name: 'merge',
  summary: 'Merge adapters into their base model, or models with each other.',
  details:
    'Each adapter is a PEFT folder, with a weight after a colon if it is not 1. --config names a recipe as mergekit has them (linear, slerp, task_arithmetic, ties, dare_linear, dare_ties, passthrough); its models are paths, or PATH+ADAPTER. The output is a GGUF file or a folder, by its name.',
  flags: {
    base: { type: 'text', value: 'MODEL', description: 'The model that the adapters were trained on.' },
    adapter: { type: 'text', value: 'DIR[:WEIGHT]', many: true, description: 'An adapter.' },
    config: { type: 'text', value: 'FILE', description: 'A recipe in YAML, instead of --base and --adapter.' },
    out: { type: 'text', value: 'PATH', required: true, description: 'Where to write the merged model.' },
    type: floatTypeFlag,
  },
  examples: [
    'qt merge --base model.gguf --adapter runs/my-run/adapter --out merged.gguf',
    'qt merge --base base/ --adapter story:0.7 --adapter rules:0.3 --out merged/',
    'qt merge --config ties.yaml --out merged.gguf',
  ],
  async run({ flags, io }) {
    const type = floatType(flags.type)
    const { base, adapter, config } = flags
    if (config !== undefined) {
      if (base !== undefined || adapter !== undefined)
        throw usageError('USAGE_BAD_VALUE', '--config does not go together with --base and --adapter.', {
          actions: ['Name the models in the recipe: MODEL, or MODEL+ADAPTER.'],
        })
      return mergeByRecipe(config, flags.out, type, io)
    }
    if (base === undefined || adapter === undefined)
      throw usageError('USAGE_MISSING_FLAG', 'What to merge is not named.', {
        actions: ['Add --base MODEL and --adapter DIR, or --config FILE.'],
      })
    const adapters = adapter.map(weighted)
    const weights = await need('@qt/weights', () => import('@qt/weights'))
    const progress = status(io)
    const written = await withInterrupt(async (signal) =>
      weights.merge({
        base: await localPath(base, io, signal),
        adapters,
        method: 'linear',
        out: flags.out,
        type,
        signal,
        onProgress: ({ tensor, done, total }) => progress.update(`${done}/${total} tensors  ${tensor}`),
      }),
    )
    progress.end()
    io.out(
      `Wrote ${written.output}: ${adapters.length} adapter${adapters.length === 1 ? '' : 's'} merged, ${written.tensors} tensors in ${written.type}.\n`,
    )
    if (written.quantisedBase) io.note(`warning: ${written.quantisedBase.warning}\n`)
    io.document(written)
    return 0
  },
})

async function mergeByRecipe(file: string, out: string, type: FloatType | undefined, io: Io): Promise<number> {
  const weights = await need('@qt/weights', () => import('@qt/weights'))
  const recipe = await weights.loadMergeRecipe(file)
  const progress = status(io)
  const written = await withInterrupt((signal) =>
    weights.mergeModels(recipe, {
      out,
      type,
      signal,
      onProgress: ({ tensor, done, total }) => progress.update(`${done}/${total} tensors  ${tensor}`),
    }),
  )
  progress.end()
  io.out(
    `Wrote ${written.output}: ${written.method} of ${written.models.join(', ')}, ${written.layers} layers, ${written.tensors} tensors in ${written.type}.\n`,
  )
  io.document(written)
  return 0
}

/** `dir:0.7`; the colon of a Windows drive is none of ours. */
function weighted(text: string): { path: string; weight: number } {
  const [, path, weight] = /^(.+):([^:\\/]*)$/.exec(text) ?? []
  if (path === undefined || weight === undefined) return { path: text, weight: 1 }
  const value = Number(weight)
  if (weight.trim() !== '' && Number.isFinite(value)) return { path, weight: value }
  throw usageError('USAGE_BAD_VALUE', `The weight of the adapter ${path} must be a number, not "${weight}".`, {
    actions: ['Write --adapter DIR:0.5, or --adapter DIR for a weight of 1.'],
  })
}
