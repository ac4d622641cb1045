import { join, relative } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { type ChatExample, usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import {
  augmentScenario,
  defaultTools,
  type Finding,
  findCopies,
  ngramOverlap,
  parseScenario,
  readScenarioFile,
  realPaths,
  type ScenarioText,
  type ScenarioTool,
  scenarioFiles,
  toConversations,
  validateScenario,
  type WalkOptions,
} from '@qt/data'
import { z } from 'zod'
import { hashOf } from './hashing.js'
import { emptyFolder } from './own-folder.js'
import { type StageWork, stage, type Workshop } from './stage.js'

const resultSchema = z.object({
  scenarios: z.number(),
  conversations: z.number(),
  heldOut: z.number(),
  /** Share of the held-out word 4-grams that occur in training, too; null when nothing is held out. */
  overlap: z.number().nullable(),
  warnings: z.number(),
  leftOut: z.array(z.string()),
})
export type Validated = z.infer<typeof resultSchema>

export const dataFiles = { train: 'data/train.jsonl', heldOut: 'data/held-out.jsonl' } as const

interface Source {
  /** Relative to the pipeline's folder, so that results do not depend on where it lies. */
  readonly name: string
  readonly file: string
  readonly content: ScenarioText
}

interface ValidSource extends Omit<Source, 'content'> {
  readonly text: string
}

/** Part of the key: raise it when the checks find something else, or the variations are others, in the same files. */
const checks = 3

/** Checks every scenario and writes the conversations that the other stages use, variations included. */
export async function validate(workshop: Workshop, tools: readonly ScenarioTool[] = defaultTools): Promise<Validated> {
  const { config, emit, skipInvalid, signal } = workshop
  const { data, folder, output } = config
  const { seed } = config.training
  const around: Finding[] = []
  const onFinding = (finding: Finding) => void around.push(finding)
  const heldOut = data.heldOut === null ? [] : await sources(folder, data.heldOut, { onFinding, signal })
  const avoid = await realPaths(heldOut.map(({ file }) => file))
  const train = await sources(folder, data.scenarios, { onFinding, avoid, signal })
  const inputs = {
    checks,
    tools,
    augment: data.augment,
    seed,
    skipInvalid,
    around: around.map(({ code, message }) => [code, message]),
  }

  const work: StageWork<Validated>['work'] = async () => {
    const leftOut: string[] = []
    let warnings = 0
    const errors: { file: string; line: number; message: string; fix: string }[] = []
    const report = (findings: readonly Finding[]): number => {
      for (const finding of findings) emit({ type: 'finding', finding })
      const wrong = findings.filter(({ severity }) => severity === 'error')
      warnings += findings.length - wrong.length
      errors.push(...wrong.map(({ file = folder, line, message, fix }) => ({ file, line, message, fix: fix.label })))
      return wrong.length
    }
    report(around)
    const copies = findCopies()
    const valid = async (list: readonly Source[], part: 'training' | 'heldOut'): Promise<ValidSource[]> => {
      const kept: ValidSource[] = []
      for (const { name, file, content } of list) {
        // So that an interruption is heard between any two files.
        await setImmediate()
        signal.throwIfAborted()
        const { text, finding } = content
        const copy = text === undefined ? undefined : copies[part](file, text)
        const findings = text === undefined ? [finding] : validateScenario(text, { tools, file })
        const wrong = report([...(copy ? [copy] : []), ...findings])
        if (wrong > 0) leftOut.push(name)
        else if (text !== undefined) kept.push({ name, file, text })
      }
      return kept
    }
    const held = await valid(heldOut, 'heldOut')
    const good = await valid(train, 'training')
    const [first] = errors
    if (first && !skipInvalid)
      throw usageError(
        'PIPELINE_DATA_INVALID',
        `${first.message}${errors.length > 1 ? ` (and ${errors.length - 1} more, in ${leftOut.length} ${leftOut.length === 1 ? 'file' : 'files'})` : ''}`,
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
      await setImmediate()
      signal.throwIfAborted()
      const scenario = parseScenario(text, { tools, file })
      chats.push(...toConversations(scenario, { source: name }))
      for (let i = 0; i < data.augment; i++) {
        const varied = augmentScenario(scenario, { seed: variation(seed, name, i), tools })
        if (varied) chats.push(...toConversations(varied, { source: `${name}~${i + 1}` }))
      }
      emit({ type: 'progress', stage: 'validate', text: name, done: index + 1, total: good.length })
    }
    const measured = held.flatMap(({ name, file, text }) =>
      toConversations(parseScenario(text, { tools, file }), { source: name }),
    )
    await emptyFolder(join(output, 'data'), hashOf(inputs))
    await writeFileAtomic(join(output, dataFiles.train), jsonl(chats))
    await writeFileAtomic(join(output, dataFiles.heldOut), jsonl(measured))
    return {
      result: {
        scenarios: good.length,
        conversations: chats.length,
        heldOut: held.length,
        overlap: held.length === 0 ? null : ngramOverlap(held.flatMap(spoken), good.flatMap(spoken)),
        warnings,
        leftOut,
      },
      outputs: Object.values(dataFiles),
    }
  }

  return stage(workshop, {
    name: 'validate',
    inputs: { ...inputs, train: texts(train), heldOut: texts(heldOut) },
    result: resultSchema,
    work,
    summary: ({ scenarios, conversations, heldOut: held, overlap, warnings, leftOut }) =>
      `${scenarios} scenarios, ${conversations} conversations with variations, ${held} held out` +
      `${overlap === null ? '' : ` (${(100 * overlap).toFixed(1)} % of their word 4-grams occur in training)`}` +
      `${warnings ? `, ${warnings} warning${warnings === 1 ? '' : 's'}` : ''}${leftOut.length ? `; ${leftOut.length} left out: ${leftOut.join(', ')}` : ''}`,
  })
}

const texts = (list: readonly Source[]) => list.map(({ name, content }) => [name, content.text ?? content.finding?.message])

/** What is said in a scenario: sheets and results are alike everywhere. */
const spoken = ({ text }: ValidSource): string[] =>
  parseScenario(text).turns.flatMap((turn) => (turn.speaker === 'tool' ? [] : [turn.text]))

/** The n-th variation of a scenario does not depend on which other scenarios there are. */
const variation = (seed: number, name: string, index: number): number =>
  Number.parseInt(hashOf([seed, name, index]).slice(0, 8), 16)

const jsonl = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

async function sources(
  folder: string,
  path: string,
  { signal, ...options }: WalkOptions & { signal: AbortSignal },
): Promise<Source[]> {
  const all: Source[] = []
  for (const file of await scenarioFiles(join(folder, path), options)) {
    signal.throwIfAborted()
    all.push({ name: relative(folder, file).replaceAll('\\', '/'), file, content: await readScenarioFile(file) })
  }
  return all.sort((a, b) => (a.name < b.name ? -1 : 1))
}
