import { usageError } from '../errors.js'

type Plain = Record<string, unknown>

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

const camel = (key: string): string => key.replace(/[_-]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** snake_case and kebab-case keys become camelCase, at every depth; two spellings of one key are an error. */
export function camelKeys(value: unknown, field = '', file?: string): unknown {
  if (Array.isArray(value)) return value.map((item) => camelKeys(item, field, file))
  if (!isPlain(value)) return value
  const out: Plain = {}
  for (const [key, item] of Object.entries(value)) {
    const name = camel(key)
    const path = field ? `${field}.${key}` : key
    if (Object.hasOwn(out, name))
      throw usageError('CONFIG_DUPLICATE_KEY', `"${name}" is given twice, in two spellings.`, {
        where: { ...(file ? { file } : {}), field: path },
        actions: [`Keep one of the two spellings of "${name}".`],
      })
    // The keys of a pattern are names of modules, and stay as they are.
    out[name] = name.endsWith('Pattern') ? item : camelKeys(item, path, file)
  }
  return out
}

/** Names of the older shape, [from, to]; a path that is absent is skipped. */
const aliases: readonly (readonly [string, string])[] = [
  ['model.name', 'base'],
  ['model.quantization', 'quantization'],
  ['model.loraConfig.r', 'adapter.rank'],
  ['model.loraConfig.alpha', 'adapter.alpha'],
  ['model.loraConfig.loraAlpha', 'adapter.alpha'],
  ['model.loraConfig.dropout', 'adapter.dropout'],
  ['model.loraConfig.loraDropout', 'adapter.dropout'],
  ['model.loraConfig.targetModules', 'adapter.targets'],
  ['training.numEpochs', 'training.epochs'],
]

/** Rewrites the older shape (`model`, `num_epochs` …) into the canonical one; camelCase keys are expected. */
export function applyAliases(config: unknown): unknown {
  if (!isPlain(config)) return config
  const out = structuredClone(config)
  for (const [from, to] of aliases) {
    const value = take(out, from.split('.'))
    if (value === undefined) continue
    const existing = get(out, to.split('.'))
    if (existing !== undefined && existing !== value)
      throw usageError(
        'CONFIG_CONTRADICTION',
        `"${from}" and "${to}" say different things: ${String(value)} and ${String(existing)}.`,
        {
          where: { field: from },
          actions: [`Remove one of "${from}" and "${to}".`],
        },
      )
    put(out, to.split('.'), value)
  }
  return out
}

function get(object: Plain, path: readonly string[]): unknown {
  let value: unknown = object
  for (const key of path) value = isPlain(value) ? value[key] : undefined
  return value
}

/** Removes a value and the objects that it leaves empty. */
function take(object: Plain, path: readonly string[]): unknown {
  const [key, ...rest] = path
  if (key === undefined || !Object.hasOwn(object, key)) return undefined
  if (rest.length === 0) {
    const value = object[key]
    delete object[key]
    return value
  }
  const child = object[key]
  if (!isPlain(child)) return undefined
  const value = take(child, rest)
  if (Object.keys(child).length === 0) delete object[key]
  return value
}

function put(object: Plain, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path
  if (key === undefined) return
  if (rest.length === 0) {
    object[key] = value
    return
  }
  const child = object[key]
  if (isPlain(child)) put(child, rest, value)
  else {
    const made: Plain = {}
    object[key] = made
    put(made, rest, value)
  }
}
