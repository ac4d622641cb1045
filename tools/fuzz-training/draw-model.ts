import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { quantize } from '@qt/quantize'
import { convert } from '@qt/weights'
import {
  architectureNames,
  readArchitecture,
  vocabulary,
  writeArchitecture,
} from '../../packages/trainer-native/test/architectures.js'
import { root } from '../src/root.js'
import type { Draws } from './draws.js'

/** A tiny model of random weights: a config.json, and the file that its folder becomes. */
export interface ModelChoice {
  /** A fixture of the engine's tests, whose config this changes. */
  readonly architecture: string
  readonly change: Readonly<Record<string, unknown>>
  readonly file: (typeof files)[number]
}

/** Of a model that has a tokenizer, and the tokenizer of new ones. */
export const tokenizerFile = join(root, 'packages/cli/test/fixtures/tiny.gguf')
const own = 'with a tokenizer'

const files = ['folder', 'F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_K_M', 'Q6_K', 'IQ4_XS'] as const

export { vocabulary }

export function drawModel(draw: Draws, small: boolean): ModelChoice {
  if (draw.chance(0.1)) return { architecture: own, change: {}, file: 'F16' }
  const architecture = draw.pick(architectureNames)
  const ownHeads = /^(gemma|llama|mistral|qwen3)/.test(architecture)
  const kvHeads = draw.pick([1, 2, 2, 4])
  const change = {
    ...(draw.chance(0.5) && {
      num_key_value_heads: kvHeads,
      num_attention_heads: kvHeads * draw.pick(ownHeads ? [1, 2, 3] : [1, 2]),
    }),
    ...(draw.chance(0.3) && { intermediate_size: draw.pick(small ? [32, 48] : [32, 80, 160, 256]) }),
    ...(draw.chance(small ? 0.8 : 0.2) && { hidden_size: small ? 32 : draw.pick([32, 128, 256]) }),
  }
  // Sizes of heads follow from these in some architectures, and rope's factors count them.
  const keepsHeads = architecture.startsWith('phi3')
  return { architecture, change: keepsHeads ? {} : change, file: draw.chance(0.5) ? 'folder' : draw.pick(files) }
}

/** Whether texts can be trained on. */
export const hasTokenizer = (model: ModelChoice | undefined): boolean => model === undefined || model.architecture === own

/** Writes the model, unless it is there, and gives its path. */
export async function modelAt(folder: string, { architecture, change, file }: ModelChoice): Promise<string> {
  if (architecture === own) return tokenizerFile
  const name = createHash('sha256')
    .update(JSON.stringify([architecture, change]))
    .digest('hex')
    .slice(0, 16)
  const model = join(folder, name)
  if (!existsSync(model)) {
    const { config, ...rest } = await readArchitecture(architecture)
    const begun = `${model}.begun`
    await mkdir(folder, { recursive: true })
    await writeArchitecture(begun, { ...rest, config: { ...config, ...change } })
    await rename(begun, model)
  }
  if (file === 'folder') return model
  const float = ['F32', 'F16', 'BF16'] as const
  const made = `${model}.${file}.gguf`
  if (existsSync(made)) return made
  const type = float.find((one) => one === file)
  if (type) await convert(model, made, { type })
  else {
    const whole = await modelAt(folder, { architecture, change, file: 'F32' })
    await quantize(whole, made, { type: file as Exclude<typeof file, 'folder' | (typeof float)[number]> })
  }
  return made
}
