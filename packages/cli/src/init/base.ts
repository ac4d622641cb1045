import { existsSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import { usageError } from '@qt/core'

/** What a project begins with when no base is named and none comes along. */
const fromTheHub = 'HuggingFaceTB/SmolLM2-135M-Instruct'

/** owner/name[@revision][:file]; a name that ends like a file is a path that is not there. */
const hubName = /^[\w-][\w.-]*\/(?![\w.-]+\.(?:gguf|safetensors)$)[\w.-]+(?:@[\w./-]+)?(?::.+)?$/

export interface Base {
  /** As train.yaml names it. */
  readonly name: string
  /** A sentence or two for the README. */
  readonly about: string
  /** A file to be copied to `name`. */
  readonly copy?: string
}

/** The base of a new project: what was named, else the small model that comes along, else one of the hub. */
export async function baseOf(named: string | undefined, folder: string): Promise<Base> {
  const about = 'The base is what you start from; `base` in `train.yaml` and the commands above name it.'
  if (named !== undefined && existsSync(named))
    return { name: relative(resolve(folder), resolve(named)).replaceAll(sep, '/') || '.', about }
  if (named !== undefined && !hubName.test(named))
    throw usageError('INIT_BASE_UNKNOWN', `There is no model at ${named}.`, {
      where: { field: '--base' },
      actions: ['Give a GGUF file, a Hugging Face folder, or a model of the hub: owner/name.'],
    })
  if (named !== undefined) return { name: named, about }
  const own = await ownBase()
  return own === undefined
    ? { name: fromTheHub, about: `The base, ${fromTheHub}, is downloaded once, when it is first used.` }
    : {
        name: 'models/base.gguf',
        copy: own,
        about: `The base in \`models\` is very small and is there so that everything runs at once. For answers worth reading take a larger one: write \`${fromTheHub}\` instead of \`models/base.gguf\` wherever it stands.`,
      }
}

/** The file of `@qt/base-model`, when it is installed and made. */
async function ownBase(): Promise<string | undefined> {
  try {
    const { baseModelPath } = await import('@qt/base-model')
    return baseModelPath()
  } catch {
    return undefined
  }
}
