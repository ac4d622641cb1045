import { readdir, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nearest, usageError } from '@qt/core'
import { templatesFolder } from '../templates-folder.js'

export const templates = {
  'dungeon-master': 'A model that leads adventures and calls for rolls, from scenarios in Markdown.',
  'coding-rules': "A coding assistant that knows your project's rules, from instructions.",
  chat: 'An assistant that answers like you, from conversations.',
  'from-scratch': 'A small model of your own, from nothing but texts.',
} as const
export type TemplateName = keyof typeof templates

export const categories = ['combat', 'roleplay', 'exploration', 'mixed'] as const

const isTemplate = (name: string): name is TemplateName => Object.hasOwn(templates, name)

export function templateNamed(name: string): TemplateName {
  if (isTemplate(name)) return name
  const near = nearest(name, Object.keys(templates))
  throw usageError('USAGE_BAD_VALUE', `--template must be ${oneOf(Object.keys(templates))}, not "${name}".`, {
    actions: near ? [`Did you mean ${near}?`] : Object.entries(templates).map(([one, what]) => `${one}: ${what}`),
  })
}

/** A scenario to start from. */
export async function scenarioTemplate(category: string): Promise<string> {
  if (categories.some((one) => one === category)) return readFile(new URL(`scenarios/${category}.md`, templatesFolder), 'utf8')
  const near = nearest(category, categories)
  throw usageError('USAGE_BAD_VALUE', `--scenario must be ${oneOf(categories)}, not "${category}".`, {
    actions: near ? [`Did you mean ${near}?`] : ['Take the nearest one, and keep the file in a folder of your own category.'],
  })
}

/** The files of a template: their paths in the project, and what is in them. */
export async function templateFiles(name: TemplateName): Promise<Map<string, string>> {
  const folder = fileURLToPath(new URL(`${name}/`, templatesFolder))
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = new Map<string, string>()
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name)
    files.set(path.slice(folder.length).replaceAll(sep, '/'), await readFile(path, 'utf8'))
  }
  if (name === 'dungeon-master')
    for (const category of categories) files.set(`data/scenarios/${category}/example.md`, await scenarioTemplate(category))
  // npm leaves files named .gitignore out of packages.
  files.set('.gitignore', await readFile(new URL('gitignore', templatesFolder), 'utf8'))
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

const oneOf = (names: readonly string[]): string => `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
