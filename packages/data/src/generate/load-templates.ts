import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { usageError } from '@qt/core'
import { parseYaml } from '@qt/core/node'
import { parseExpression } from './expression.js'
import { type Slot, type Template, type TemplateSet, templateFileSchema } from './template-set.js'
import { parseTemplateText } from './template-text.js'

/** Sets that come with the package, by name: beside dist, or, in the repository, beside src. */
const own = ['../templates/', '../../templates/'].map((folder) => fileURLToPath(new URL(folder, import.meta.url)))

/**
 * Templates of a YAML file, of a folder of them, or of a set that comes with this package: `coding-rules`, `agent-tools`.
 *
 * @example
 * ```ts
 * const templates = await loadTemplates('coding-rules')
 * Object.keys(templates.categories) // ['procedural', 'definitions', …]
 * ```
 */
export async function loadTemplates(path: string): Promise<TemplateSet> {
  const files = await templateFiles(path)
  const hash = createHash('sha256')
  const slots: Record<string, Slot> = {}
  const categories: Record<string, { from: number; to: number }> = {}
  const read: { file: string; value: ReturnType<typeof readFileOf> }[] = []
  let name = basename(path).replace(/\.ya?ml$/i, '')
  for (const file of files) {
    const text = await readFile(file, 'utf8')
    hash.update(text)
    const value = readFileOf(text, file)
    read.push({ file, value })
    Object.assign(categories, value.categories)
    name = value.name ?? name
    if (value.templates === undefined) Object.assign(slots, value.slots)
  }
  const templates = read.flatMap(({ file, value }) =>
    (value.templates ?? []).map((template): Template => {
      const category = template.category ?? value.category ?? 'all'
      return { ...template, category, slots: { ...slots, ...value.slots, ...template.slots }, file }
    }),
  )
  if (templates.length === 0)
    throw usageError('TEMPLATE_INVALID', `There is no template in ${path}.`, {
      where: { file: path },
      actions: ['Write a list of templates, each with an id and an example.'],
    })
  for (const { category } of templates) categories[category] ??= { from: 1, to: Number.MAX_SAFE_INTEGER }
  return { name, version: hash.digest('hex').slice(0, 16), categories, templates }
}

async function templateFiles(path: string): Promise<string[]> {
  for (const place of [path, ...own.map((folder) => join(folder, path))]) {
    const entry = await stat(place).catch(() => undefined)
    if (entry?.isFile()) return [place]
    if (!entry?.isDirectory()) continue
    const names = (await readdir(place)).filter((name) => /\.ya?ml$/i.test(name)).sort()
    if (names.length > 0) return names.map((name) => join(place, name))
  }
  const known = (await Promise.all(own.map((folder) => readdir(folder).catch(() => [])))).flat()
  throw usageError('TEMPLATE_MISSING', `There are no templates at ${path}.`, {
    where: { file: path },
    actions: [
      'Name a YAML file, a folder of them, or a set that comes along.',
      ...known.map((one) => `One that comes along: ${one}.`),
    ],
  })
}

function readFileOf(text: string, file: string) {
  const { value, problem, lineOf } = parseYaml(text)
  if (problem)
    throw usageError('TEMPLATE_INVALID', `The templates are not valid YAML: ${problem.message}`, {
      where: { file, line: problem.line },
      actions: ['Correct the syntax on that line; put texts that begin with {{ between quotes.'],
      cause: problem.cause,
    })
  const failed = (path: readonly string[], message: string) => {
    const line = lineOf(path)
    return usageError('TEMPLATE_INVALID', message, {
      where: { file, ...(line === undefined ? {} : { line }), field: path.join('.') },
      actions: ['docs/generating-data.md has the language of templates.'],
    })
  }
  const parsed = templateFileSchema.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw failed((issue?.path ?? []).map(String), `The templates are not as they should be: ${issue?.message ?? ''}.`)
  }
  checkTexts(parsed.data, [], failed)
  return parsed.data
}

/** Reads every text and condition once, so that a mistake is told before anything is made. */
function checkTexts(value: unknown, path: readonly string[], failed: (path: readonly string[], message: string) => Error): void {
  if (typeof value === 'string') {
    const [parent, key] = path.slice(-2)
    const condition = (key === 'when' && parent !== 'slots') || key === 'require' || parent === 'require'
    try {
      if (condition) parseExpression(value)
      else parseTemplateText(value)
    } catch (error) {
      throw failed(path, `${error instanceof Error ? error.message : String(error)}.`)
    }
  } else if (typeof value === 'object' && value !== null)
    for (const [key, one] of Object.entries(value)) checkTexts(one, [...path, key], failed)
}
