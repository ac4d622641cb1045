import { writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { shellWord, usageError } from '@qt/core'
import { makeFolder } from '@qt/core/node'
import { defineVerb } from '../args/verb.js'
import { askTemplate } from '../init/ask-template.js'
import { type Base, baseOf } from '../init/base.js'
import { commandIn } from '../init/command.js'
import { categories, scenarioTemplate, type TemplateName, templateNamed, templates } from '../init/templates.js'
import { writeProject } from '../init/write-project.js'
import type { Io } from '../io.js'

export const init = defineVerb({
  name: 'init',
  summary: 'Begin a project that works.',
  details:
    'Writes a configuration, sample data and a README with the commands to run. Files that are there are never overwritten. ' +
    'With --scenario it writes one scenario to start from instead.',
  positionals: [{ name: 'DIR', description: 'The folder of the project; made when it is not there.' }],
  flags: {
    template: {
      type: 'text',
      value: 'NAME',
      description: `${Object.keys(templates).join(', ')}; left out: you are asked, in a terminal.`,
    },
    base: {
      type: 'text',
      value: 'MODEL',
      description: 'What to train on: a file, a folder or owner/name; left out: a very small model.',
    },
    force: { type: 'boolean', description: 'Write into a folder that is not empty.' },
    scenario: { type: 'text', value: 'CATEGORY', description: `Write one scenario: ${categories.join(', ')}.` },
    out: { type: 'text', value: 'FILE', description: 'With --scenario: where to; left out: standard output.' },
  },
  examples: [
    'qt init my-game --template dungeon-master',
    'qt init my-rules --template coding-rules --base HuggingFaceTB/SmolLM2-135M-Instruct',
    'qt init --scenario combat --out data/scenarios/combat/the-bridge.md',
  ],
  async run({ flags, positionals, io }) {
    const [folder] = positionals
    if (flags.scenario !== undefined) return writeScenario(flags.scenario, flags.out, io)
    if (flags.out !== undefined)
      throw usageError('USAGE_MISSING_FLAG', '--out belongs to --scenario, which is not given.', {
        actions: ['Add --scenario combat, or leave --out out.'],
      })
    if (folder === undefined)
      throw usageError('USAGE_MISSING_ARGUMENT', 'qt init needs DIR: the folder of the project.', {
        actions: [{ label: 'Name it.', command: 'qt init my-project --template chat' }],
      })
    const template = flags.template === undefined ? await askTemplate() : templateNamed(flags.template)
    const base = await baseFor(template, flags.base, folder)
    const { written, kept } = await writeProject({ folder, template, base, force: flags.force ?? false })
    for (const file of kept) io.note(`kept ${file}, which was there\n`)
    io.out(`${folder} has ${written.length} new files:\n${written.map((file) => `  ${file}\n`).join('')}\n`)
    const qt = commandIn(folder)
    const tokenizer =
      template === 'from-scratch' ? [`${qt} tokenizer train --data data --vocabulary-size 384 --out tokenizer`] : []
    const steps = [`cd ${shellWord(folder)}`, ...tokenizer, `${qt} train --config train.yaml`]
    io.out(
      `Next:\n${steps.map((step) => `  ${step}\n`).join('')}README.md has the rest${qt === 'qt' ? '' : `; write ${qt} where it says qt`}.\n`,
    )
    io.document({ folder, template, ...(base ? { base: base.name } : {}), written, kept })
    return 0
  },
})

async function baseFor(template: TemplateName, named: string | undefined, folder: string): Promise<Base | undefined> {
  if (template !== 'from-scratch') return baseOf(named, folder)
  if (named === undefined) return undefined
  throw usageError('USAGE_BAD_VALUE', 'The template from-scratch has no base: its model begins with nothing.', {
    actions: ['Leave --base out, or take another template.'],
  })
}

async function writeScenario(category: string, out: string | undefined, io: Io): Promise<number> {
  const text = await scenarioTemplate(category)
  if (out === undefined) {
    io.out(text)
    io.document({ category, text })
    return 0
  }
  await makeFolder(dirname(out))
  await writeFile(out, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
    throw usageError('INIT_FILE_EXISTS', `${out} is there already.`, { where: { file: out }, actions: ['Choose another name.'] })
  })
  io.out(`${out} is a ${category} scenario to start from: change everything in it.\n`)
  io.document({ category, file: out })
  return 0
}
