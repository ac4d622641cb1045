import { readFile } from 'node:fs/promises'
import { LineCounter, parseDocument } from 'yaml'
import { parseConfig } from '../config/parse.js'
import type { TrainingConfig } from '../config/schema.js'
import { QtError, usageError } from '../errors.js'

/** Reads a YAML or JSON training configuration; errors name file, line and field. */
export async function loadConfig(file: string, overrides?: unknown): Promise<TrainingConfig> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usageError('CONFIG_UNREADABLE', `The configuration ${file} cannot be read.`, {
      where: { file },
      actions: ['Check the path and its permissions.'],
      cause,
    })
  })
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [syntax] = document.errors
  if (syntax)
    throw usageError('CONFIG_SYNTAX', `The configuration is not valid YAML: ${syntax.message}`, {
      where: { file, line: lines.linePos(syntax.pos[0]).line },
      actions: ['Correct the syntax on that line.'],
      cause: syntax,
    })
  try {
    return parseConfig(document.toJS() ?? {}, { file, overrides })
  } catch (error) {
    const field = QtError.isInstance(error) ? error.where?.field : undefined
    const line = field === undefined ? undefined : lineOf(field.split('.'))
    if (!QtError.isInstance(error) || line === undefined) throw error
    throw new QtError({ ...error.toJSON(), kind: error.kind, where: { ...error.where, line } })
  }

  /** The line of a field, whichever spelling the file uses; of its nearest parent when it is absent. */
  function lineOf(path: readonly string[]): number | undefined {
    let node: unknown = document.contents
    let at: number | undefined
    for (const key of path) {
      const pair: unknown = mapItems(node).find(
        (item) => keyText(item)?.replace(/[_-]/g, '').toLowerCase() === key.replace(/[_-]/g, '').toLowerCase(),
      )
      if (pair === undefined) break
      const range = rangeOf((pair as { key?: unknown }).key)
      if (range !== undefined) at = lines.linePos(range).line
      node = (pair as { value?: unknown }).value
    }
    return at
  }
}

const mapItems = (node: unknown): unknown[] =>
  typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items) ? node.items : []

function keyText(pair: unknown): string | undefined {
  const key = typeof pair === 'object' && pair !== null && 'key' in pair ? pair.key : undefined
  return typeof key === 'object' && key !== null && 'value' in key ? String(key.value) : undefined
}

const rangeOf = (node: unknown): number | undefined =>
  typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range) ? Number(node.range[0]) : undefined
