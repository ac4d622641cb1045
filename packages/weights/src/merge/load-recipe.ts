import { messageOf, QtError, usageError } from '@qt/core'
import { type MergeRecipe, readRecipe } from './recipe.js'

/**
 * Reads a recipe in YAML or JSON and checks it. Paths of models stay as they are written.
 *
 * @example
 * ```ts
 * const recipe = await loadMergeRecipe('recipe.yaml')
 * recipe.merge_method // 'linear', 'slerp', 'ties' …
 * ```
 */
export async function loadMergeRecipe(file: string): Promise<MergeRecipe> {
  const { readFile } = await import('node:fs/promises')
  const { LineCounter, parseDocument } = await import('yaml')
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw usageError('MERGE_RECIPE', `The recipe ${file} cannot be read: ${messageOf(cause)}.`, {
      where: { file },
      actions: ['Check the path.'],
      cause,
    })
  })
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const [syntax] = document.errors
  if (syntax)
    throw usageError('MERGE_RECIPE', `The recipe is not valid YAML: ${syntax.message}`, {
      where: { file, line: lines.linePos(syntax.pos[0]).line },
      actions: ['Correct the syntax on that line.'],
      cause: syntax,
    })
  const recipe: MergeRecipe = document.toJS()
  try {
    readRecipe(recipe)
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    const line = lineOf(error.where?.field?.split('.') ?? [])
    throw new QtError({
      ...error.toJSON(),
      kind: error.kind,
      where: { ...error.where, file, ...(line === undefined ? {} : { line }) },
    })
  }
  return recipe

  /** The line of a field, or of the nearest one above it that is there. */
  function lineOf(path: readonly string[]): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const node: unknown = document.getIn(
        path.slice(0, length).map((key) => (/^\d+$/.test(key) ? Number(key) : key)),
        true,
      )
      if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
        return lines.linePos(Number(node.range[0])).line
    }
    return undefined
  }
}
