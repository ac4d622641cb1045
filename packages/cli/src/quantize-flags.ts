import { type TensorType, tensorTypeNames, usageError } from '@qt/core'
import type { PlanOptions } from '@qt/quantize'
import type { MetadataValue } from '@qt/weights'
import { sizeOf } from './args/size.js'
import type { Flags, Values } from './args/verb.js'

export const planFlags = {
  type: {
    type: 'text',
    value: 'TYPE',
    description:
      'A file type of llama.cpp: Q4_K_M, Q5_K_M, Q6_K, Q8_0, Q3_K_M, F16 …; left out: the best type for each tensor under --max-size.',
  },
  'max-size': { type: 'text', value: 'SIZE', description: 'The most the file may take: 2GB (10⁹ bytes), 2GiB (2³⁰), 700MB.' },
  profile: {
    type: 'text',
    value: 'NAME',
    description: 'Where it is to run, for a --max-size that is not given: mobile (2GB), desktop (8GB) or server (24GB).',
  },
  imatrix: { type: 'text', value: 'FILE', many: true, description: 'An importance matrix (GGUF or .dat); several are added up.' },
  'include-weights': {
    type: 'text',
    value: 'PART',
    many: true,
    description: 'Only the importance of weights whose names contain it.',
  },
  'exclude-weights': {
    type: 'text',
    value: 'PART',
    many: true,
    description: 'Not the importance of weights whose names contain it.',
  },
  pure: { type: 'boolean', description: 'Every matrix gets the same type, embeddings and output too.' },
  'tensor-type': {
    type: 'text',
    value: 'REGEX=TYPE',
    many: true,
    description: 'Another type for the tensors whose names match; the first that matches counts.',
  },
  'tensor-type-file': { type: 'text', value: 'FILE', description: 'The same, from a file: separated by spaces or lines.' },
  'output-tensor-type': { type: 'text', value: 'TYPE', description: 'The type of output.weight.' },
  'token-embedding-type': { type: 'text', value: 'TYPE', description: 'The type of the embeddings.' },
  'leave-output-tensor': { type: 'boolean', description: 'Leave output.weight as it is.' },
  'prune-layers': {
    type: 'text',
    value: 'LIST',
    description: 'Leave out layers: 3,5 or 20-23; those after them are renumbered.',
  },
  'override-kv': {
    type: 'text',
    value: 'KEY=TYPE:VALUE',
    many: true,
    description: 'Set metadata; TYPE is int, float, bool or str.',
  },
  'keep-split': { type: 'boolean', description: 'Write as many parts as the model has.' },
  'allow-requantize': { type: 'boolean', description: 'Also quantise what is quantised already, which loses precision twice.' },
} as const satisfies Flags

type PlanFlags = Values<typeof planFlags>

/** What the flags ask of a plan; importance matrices are read by the caller. */
export async function planOptionsOf(flags: PlanFlags): Promise<PlanOptions> {
  const inFile = flags['tensor-type-file'] === undefined ? [] : await rulesIn(flags['tensor-type-file'])
  const profile = profileBytes(flags.profile)
  return {
    type: flags.type,
    maxBytes: flags['max-size'] === undefined ? profile : sizeOf('max-size', flags['max-size']),
    includeWeights: flags['include-weights'],
    excludeWeights: flags['exclude-weights'],
    pure: flags.pure,
    tensorTypes: [...(flags['tensor-type'] ?? []), ...inFile].map(ruleOf),
    outputType: tensorTypeOf('output-tensor-type', flags['output-tensor-type']),
    embeddingType: tensorTypeOf('token-embedding-type', flags['token-embedding-type']),
    leaveOutput: flags['leave-output-tensor'],
    pruneLayers: layersOf(flags['prune-layers']),
    metadata: new Map((flags['override-kv'] ?? []).map(overrideOf)),
    keepSplit: flags['keep-split'],
    requantize: flags['allow-requantize'],
  }
}

const badValue = (flag: string, value: string, action: string) =>
  usageError('USAGE_BAD_VALUE', `--${flag} cannot be "${value}".`, { where: { field: `--${flag}` }, actions: [action] })

/** What each profile allows, in bytes. */
const profiles: Readonly<Record<string, number>> = { mobile: 2e9, desktop: 8e9, server: 24e9 }

function profileBytes(name: string | undefined): number | undefined {
  if (name === undefined) return undefined
  const bytes = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (bytes === undefined) throw badValue('profile', name, 'Use mobile, desktop or server.')
  return bytes
}

function tensorTypeOf(flag: string, text: string | undefined): TensorType | undefined {
  if (text === undefined) return undefined
  const found = tensorTypeNames.find((name) => name === text.toUpperCase())
  if (found) return found
  throw badValue(flag, text, 'Name the type of a tensor, such as Q6_K, Q8_0 or F16.')
}

async function rulesIn(path: string): Promise<string[]> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(path, 'utf8').catch(() => {
    throw badValue('tensor-type-file', path, 'Name a file that can be read.')
  })
  return text.split(/\s+/).filter((rule) => rule !== '')
}

function ruleOf(text: string): { pattern: RegExp; type: TensorType } {
  const at = text.lastIndexOf('=')
  const action = 'Write REGEX=TYPE, such as "blk\\.0\\.=Q8_0" or ffn_down=Q6_K.'
  if (at < 1) throw badValue('tensor-type', text, action)
  try {
    return { pattern: new RegExp(text.slice(0, at)), type: tensorTypeOf('tensor-type', text.slice(at + 1))! }
  } catch (error) {
    if (error instanceof SyntaxError) throw badValue('tensor-type', text, action)
    throw error
  }
}

function layersOf(text: string | undefined): number[] | undefined {
  return text?.split(',').flatMap((part) => {
    const [, first, last] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? []
    if (first === undefined) throw badValue('prune-layers', text, 'Write numbers and ranges: 3,5,20-23.')
    return Array.from({ length: Math.max(0, Number(last ?? first) - Number(first) + 1) }, (_, i) => Number(first) + i)
  })
}

function overrideOf(text: string): [string, MetadataValue] {
  const [, key, type, value] = /^([^=]+)=(int|float|bool|str):(.*)$/s.exec(text) ?? []
  const number = Number(value)
  if (key !== undefined && value !== undefined) {
    if (type === 'str') return [key, { type: 'STRING', value }]
    if (type === 'bool' && /^(true|false)$/.test(value)) return [key, { type: 'BOOL', value: value === 'true' }]
    if (type === 'float' && value !== '' && Number.isFinite(number)) return [key, { type: 'FLOAT32', value: number }]
    if (type === 'int' && /^-?\d+$/.test(value)) return [key, { type: number < 0 ? 'INT32' : 'UINT32', value: number }]
  }
  throw badValue('override-kv', text, 'Write KEY=TYPE:VALUE, such as llama.context_length=int:8192 or general.name=str:Mine.')
}
