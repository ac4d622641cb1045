import { readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { type ChatExample, usageError } from '@qt/core'
import { makeFolder, writeFileAtomic } from '@qt/core/node'
import {
  augmentScenario,
  defaultTools,
  parseScenario,
  type ScenarioTool,
  scenarioFiles,
  toConversations,
  validateScenario,
} from '@qt/data'
import { z } from 'zod'
import { hashOf } from './hashing.js'
import { type StageWork, stage, type Workshop } from './stage.js'

const resultSchema = z.object({
  scenarios: z.number(),
  conversations: z.number(),
  heldOut: z.number(),
  warnings: z.number(),
  leftOut: z.array(z.string()),
})
export type Validated = z.infer<typeof resultSchema>

export const dataFiles = { train: 'data/train.jsonl', heldOut: 'data/held-out.jsonl' } as const

interface Source {
  /** Relative to the pipeline's folder, so that results do not depend on where it lies. */
  readonly name: string
  readonly file: string
  readonly text: string
}

/** Checks every scenario and writes the conversations that the other stages use, variations included. */
export async function validate(workshop: Workshop, tools: readonly ScenarioTool[] = defaultTools): Promise<Validated> {
  const { config, emit, skipInvalid, signal } = workshop
  const { data, folder, output } = config
  const { seed } = config.training
  const train = await sources(folder, data.scenarios)
  const heldOut = data.heldOut === null ? [] : await sources(folder, data.heldOut)
  const inputs = { train, heldOut, tools, augment: data.augment, seed, skipInvalid }

  const work: StageWork<Validated>['work'] = async () => {
    const leftOut: string[] = []
    let warnings = 0
    const errors: { file: string; line: number; message: string; fix: string }[] = []
    const valid = (list: readonly Source[]) =>
      list.filter(({ name, file, text }) => {
        const findings = validateScenario(text, { tools, file })
        for (const finding of findings) emit({ type: 'finding', finding })
        const wrong = findings.filter(({ severity }) => severity === 'error')
        warnings += findings.length - wrong.length
        errors.push(...wrong.map(({ line, message, fix }) => ({ file, line, message, fix: fix.label })))
        if (wrong.length > 0) leftOut.push(name)
        return wrong.length === 0
      })
    const [good, held] = [valid(train), valid(heldOut)]
    const [first] = errors
    if (first && !skipInvalid)
      throw usageError(
        'PIPELINE_DATA_INVALID',
        `${first.message}${errors.length > 1 ? ` (and ${errors.length - 1} more in ${leftOut.length} files)` : ''}`,
        {
          where: { file: first.file, line: first.line },
          actions: [
            first.fix,
            { label: 'Mend what can be mended by code', command: `qt data fix ${join(folder, data.scenarios)}` },
            'Or train on the valid files only: --skip-invalid.',
          ],
        },
      )
    if (good.length === 0)
      throw usageError('PIPELINE_DATA_EMPTY', 'No scenario is left to train on.', {
        where: { file: join(folder, data.scenarios) },
        actions: ['Correct the scenarios; qt data validate lists what is wrong.'],
      })

    const chats: ChatExample[] = []
    for (const [index, { name, file, text }] of good.entries()) {
      signal.throwIfAborted()
      const scenario = parseScenario(text, { tools, file })
      chats.push(...toConversations(scenario, { source: name }))
      for (let i = 0; i < data.augment; i++) {
        const varied = augmentScenario(scenario, { seed: variation(seed, name, i), tools })
        chats.push(...toConversations(varied, { source: `${name}~${i + 1}` }))
      }
      emit({ type: 'progress', stage: 'validate', text: name, done: index + 1, total: good.length })
    }
    const measured = held.flatMap(({ name, file, text }) =>
      toConversations(parseScenario(text, { tools, file }), { source: name }),
    )
    await makeFolder(join(output, 'data'))
    await writeFileAtomic(join(output, dataFiles.train), jsonl(chats))
    await writeFileAtomic(join(output, dataFiles.heldOut), jsonl(measured))
    return {
      result: { scenarios: good.length, conversations: chats.length, heldOut: held.length, warnings, leftOut },
      outputs: Object.values(dataFiles),
    }
  }

  return stage(workshop, {
    name: 'validate',
    inputs: { ...inputs, train: texts(train), heldOut: texts(heldOut) },
    result: resultSchema,
    work,
    summary: ({ scenarios, conversations, heldOut: held, warnings, leftOut }) =>
      `${scenarios} scenarios, ${conversations} conversations with variations, ${held} held out` +
      `${warnings ? `, ${warnings} warnings` : ''}${leftOut.length ? `; left out: ${leftOut.join(', ')}` : ''}`,
  })
}

const texts = (list: readonly Source[]) => list.map(({ name, text }) => [name, text])

/** The n-th variation of a scenario does not depend on which other scenarios there are. */
const variation = (seed: number, name: string, index: number): number =>
  Number.parseInt(hashOf([seed, name, index]).slice(0, 8), 16)

const jsonl = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

async function sources(folder: string, path: string): Promise<Source[]> {
  const files = await scenarioFiles(join(folder, path))
  const all = await Promise.all(
    files.map(async (file) => ({ name: relative(folder, file).replaceAll('\\', '/'), file, text: await readFile(file, 'utf8') })),
  )
  return all.sort((a, b) => (a.name < b.name ? -1 : 1))
}
