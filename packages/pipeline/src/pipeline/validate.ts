import { join, relative, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { practice } from '@qt/base-model'
import { type ChatExample, shellWord, usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import {
  augmentScenario,
  type Finding,
  findCopies,
  ngramOverlap,
  parseScenario,
  readScenarioFile,
  type ScenarioText,
  type ScenarioTool,
  toConversations,
  toFinding,
  validateScenario,
} from '@qt/data'
import { toolCallItems } from '@qt/eval'
import { z } from 'zod'
import { hashOf } from './hashing.js'
import type { Practice } from './load-config.js'
import { emptyFolder } from './own-folder.js'
import { resultRoleOfBase } from './result-role-of-base.js'
import { scenarioSources } from './scenario-sources.js'
import { type StageWork, stage, type Workshop } from './stage.js'

const resultSchema = z.object({
  scenarios: z.number(),
  conversations: z.number(),
  /** Generated tales besides. */
  practised: z.number(),
  heldOut: z.number(),
  /** Share of the held-out word 4-grams that occur in training, too; null when nothing is held out. */
  overlap: z.number().nullable(),
  warnings: z.number(),
  leftOut: z.array(z.string()),
  /** To be told again when nothing has changed; files relative to the pipeline's folder. */
  findings: z.array(
    z.object({
      code: z.string(),
      severity: z.enum(['error', 'warning']),
      file: z.string().optional(),
      line: z.number(),
      message: z.string(),
      fix: z.string(),
    }),
  ),
})
export type Validated = Omit<z.infer<typeof resultSchema>, 'findings'>

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

/** Part of the key: raise it when the checks find something else, or the variations or tales are others, from the same files. */
const checks = 5

export interface ValidateOptions {
  readonly tools: readonly ScenarioTool[]
  /** What begins the commands that errors name. */
  readonly command: string
}

type Part = 'training' | 'heldOut'

/** Checks every scenario and writes the conversations that the other stages use, variations included. */
export async function validate(workshop: Workshop, { tools, command }: ValidateOptions): Promise<Validated> {
  const { base, config, emit, skipInvalid, signal } = workshop
  const { data, folder, output } = config
  const { seed } = config.training
  const around: Finding[] = []
  const files = await scenarioSources(config, (finding) => void around.push(finding))
  const [heldOut, train] = [await read(folder, files.heldOut, signal), await read(folder, files.train, signal)]
  const resultRole = await resultRoleOfBase(base)
  const inputs = {
    checks,
    tools,
    resultRole,
    augment: data.augment,
    practice: data.practice,
    seed,
    skipInvalid,
    around: around.map(({ code, message }) => [code, message]),
  }

  const work: StageWork<z.infer<typeof resultSchema>>['work'] = async () => {
    const leftOut: string[] = []
    const findings: Finding[] = []
    const mendable = new Set<Part>()
    const report = (found: readonly Finding[], part?: Part): number => {
      for (const finding of found) emit({ type: 'finding', finding })
      findings.push(...found)
      if (part !== undefined && found.some(({ severity, fix }) => severity === 'error' && fix.replace)) mendable.add(part)
      return found.filter(({ severity }) => severity === 'error').length
    }
    report(around)
    const copies = findCopies()
    const valid = async (list: readonly Source[], part: Part): Promise<ValidSource[]> => {
      const kept: ValidSource[] = []
      for (const { name, file, content } of list) {
        // So that an interruption is heard between any two files.
        await setImmediate()
        signal.throwIfAborted()
        const { text, finding } = content
        const copy = text === undefined ? undefined : copies[part](file, text)
        const own = text === undefined ? [finding] : validateScenario(text, { tools, file })
        const wrong = report([...(copy ? [copy] : []), ...own], part)
        if (wrong > 0) leftOut.push(name)
        else if (text !== undefined) kept.push({ name, file, text })
      }
      return kept
    }
    const held = await valid(heldOut, 'heldOut')
    const good = await valid(train, 'training')
    const errors = findings.filter(({ severity }) => severity === 'error')
    if (errors.length > 0 && !skipInvalid) throw invalid(errors, { config, command, mendable, files: leftOut.length })
    if (good.length === 0)
      throw usageError('PIPELINE_DATA_EMPTY', 'No scenario is left to train on.', {
        where: { file: resolve(folder, data.scenarios) },
        actions: ['Correct the scenarios; qt data validate lists what is wrong.'],
      })

    const chats: ChatExample[] = []
    for (const [index, { name, file, text }] of good.entries()) {
      await setImmediate()
      signal.throwIfAborted()
      const scenario = parseScenario(text, { tools, file })
      chats.push(...toConversations(scenario, { source: name, resultRole }))
      for (let i = 0; i < data.augment; i++) {
        const varied = augmentScenario(scenario, { seed: variation(seed, name, i), tools })
        if (varied) chats.push(...toConversations(varied, { source: `${name}~${i + 1}`, resultRole }))
      }
      emit({ type: 'progress', stage: 'validate', text: name, done: index + 1, total: good.length })
    }
    const { perConversation } = data.practice
    const tales = Math.min(data.practice.tales, perConversation === null ? Infinity : perConversation * chats.length)
    const practised: ChatExample[] = []
    for (let from = 0; from < tales; from += talesAtOnce) {
      await setImmediate()
      signal.throwIfAborted()
      const count = Math.min(talesAtOnce, tales - from)
      practised.push(...practiceChats({ from, count, learn: data.practice.learn, seed, resultRole }))
    }
    chats.push(...practised)
    const measured = held.flatMap(({ name, file, text }) =>
      toConversations(parseScenario(text, { tools, file }), { source: name, resultRole }),
    )
    // What the evaluation would refuse is refused before the training.
    toolCallItems(measured, tools)
    await emptyFolder(join(output, 'data'), hashOf(inputs))
    await writeFileAtomic(join(output, dataFiles.train), jsonl(chats))
    await writeFileAtomic(join(output, dataFiles.heldOut), jsonl(measured))
    return {
      result: {
        scenarios: good.length,
        conversations: chats.length - practised.length,
        practised: practised.length,
        heldOut: held.length,
        overlap:
          held.length === 0 ? null : ngramOverlap(held.flatMap(spoken), [...good.flatMap(spoken), ...practised.flatMap(said)]),
        warnings: findings.length - errors.length,
        leftOut,
        findings: findings.map(({ file, fix, code, severity, line, message }) => ({
          ...{ code, severity, line, message, fix: fix.label },
          ...(file === undefined ? {} : { file: relative(folder, file) }),
        })),
      },
      outputs: Object.values(dataFiles),
    }
  }

  const { findings, ...validated } = await stage(workshop, {
    name: 'validate',
    inputs: { ...inputs, train: texts(train), heldOut: texts(heldOut) },
    result: resultSchema,
    work,
    summary: ({ scenarios, conversations, practised, heldOut: held, overlap, warnings, leftOut }) =>
      `${scenarios} scenarios, ${conversations} conversations with variations${practised ? `, ${practised} generated tales` : ''}, ${held} held out` +
      `${overlap === null ? '' : ` (${(100 * overlap).toFixed(1)} % of their word 4-grams occur in training)`}` +
      `${warnings ? `, ${warnings} warning${warnings === 1 ? '' : 's'}` : ''}${leftOut.length ? `; ${leftOut.length} left out: ${leftOut.join(', ')}` : ''}`,
  })
  if (workshop.states.get('validate') === 'reused')
    for (const { file, ...rest } of findings)
      emit({ type: 'finding', finding: toFinding(rest, file === undefined ? undefined : join(folder, file)) })
  return validated
}

interface InvalidOptions {
  readonly config: Workshop['config']
  readonly command: string
  /** Where something can be mended by code. */
  readonly mendable: ReadonlySet<Part>
  /** How many have errors. */
  readonly files: number
}

function invalid(errors: readonly Finding[], { config, command, mendable, files }: InvalidOptions) {
  const { data, folder } = config
  const { file = folder, line, message, fix } = errors[0]!
  const tools = data.tools === undefined ? [] : ['--tools', shellWord(resolve(folder, data.tools))]
  const paths = [...(mendable.has('training') ? [data.scenarios] : []), ...(mendable.has('heldOut') ? [data.heldOut!] : [])]
  const rest = errors.length > 1 ? ` (and ${errors.length - 1} more, in ${files} ${files === 1 ? 'file' : 'files'})` : ''
  return usageError('PIPELINE_DATA_INVALID', `${message}${rest}`, {
    where: { file, line },
    actions: [
      fix.label,
      ...paths.map((path) => ({
        label: 'Mend what can be mended by code',
        command: [command, 'data', 'fix', shellWord(resolve(folder, path)), ...tools].join(' '),
      })),
      'Or train on the valid files only: --skip-invalid.',
    ],
  })
}

const texts = (list: readonly Source[]) => list.map(({ name, content }) => [name, content.text ?? content.finding?.message])

/** What is said in a scenario: sheets and results are alike everywhere. */
const spoken = ({ text }: ValidSource): string[] =>
  parseScenario(text).turns.flatMap((turn) => (turn.speaker === 'tool' ? [] : [turn.text]))

/** Between so many an interruption is heard. */
const talesAtOnce = 200

interface TalesOptions extends Pick<Practice, 'learn'> {
  readonly from: number
  readonly count: number
  readonly seed: number
  readonly resultRole: 'tool' | 'user'
}

/** Generated tales, told to this base as the scenarios are. */
const practiceChats = ({ from, resultRole, ...options }: TalesOptions): ChatExample[] =>
  practice({ from, ...options }).map((messages, index) => ({
    messages: messages.map((message) => (message.role === 'tool' ? { ...message, role: resultRole } : message)),
    source: `practice~${from + index + 1}`,
  }))

const said = ({ messages }: ChatExample): string[] =>
  messages.flatMap(({ role, content }) => (role === 'user' || role === 'assistant' ? [content] : []))

/** The n-th variation of a scenario does not depend on which other scenarios there are. */
const variation = (seed: number, name: string, index: number): number =>
  Number.parseInt(hashOf([seed, name, index]).slice(0, 8), 16)

const jsonl = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

async function read(folder: string, files: readonly string[], signal: AbortSignal): Promise<Source[]> {
  const all: Source[] = []
  for (const file of files) {
    signal.throwIfAborted()
    all.push({ name: relative(folder, file).replaceAll('\\', '/'), file, content: await readScenarioFile(file) })
  }
  return all.sort((a, b) => (a.name < b.name ? -1 : 1))
}
