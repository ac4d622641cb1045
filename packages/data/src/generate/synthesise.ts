import type { ChatMessage, GenerateOptions, LanguageModel } from '@qt/core'
import { checkRecord } from '../checks/check-record.js'
import { hashText } from '../hash-text.js'
import { NearDuplicates } from '../near-duplicates/near-duplicates.js'
import { recordText } from '../record-text.js'

type Plain = Readonly<Record<string, unknown>>

/** What a model is asked for: one example, as JSON. */
export interface SynthesisTask {
  readonly prompt: string
  readonly system?: string | undefined
  readonly category?: string | undefined
  /** Makes the record of what the model wrote, when that is only a part of it; a text says what is wrong. */
  readonly complete?: ((value: Plain) => Plain | string) | undefined
  /** What the record is made of, for its provenance. */
  readonly of?: string | undefined
}

export interface SynthesiseOptions extends Pick<GenerateOptions, 'maxTokens' | 'temperature' | 'topP' | 'constraint' | 'signal'> {
  /** How often a model is told what is wrong and asked again. Default 2. */
  readonly retries?: number | undefined
  /** What an answer has to be besides a record without mistakes: says what is wrong, or nothing. */
  readonly validate?: ((value: Plain) => string | undefined) | undefined
  /** From this similarity on an example is nearly the same as an earlier one, and another is asked for. Default 0.8. */
  readonly similarity?: number | undefined
  /** Of the first task's first answer; each further one has the next. Default 1. */
  readonly seed?: number | undefined
  /** Told of tasks that gave no example, and why. */
  readonly onFailed?: ((task: SynthesisTask, why: string) => void) | undefined
}

/**
 * Examples that a model writes: any model, a local one or a server. What it answers is read as a JSON object, checked as every dataset is, and
 * compared with what there is; when something is wrong the model is told what, and asked again. Each example says which model made it, of
 * which prompt, and in which attempt.
 *
 * @example
 * ```ts
 * const tasks = [{ prompt: 'Write a question about time-outs and its answer as {"instruction", "output"}.', category: 'errors' }]
 * for await (const value of synthesise(model, tasks, { temperature: 0.9 })) console.log(JSON.stringify(value))
 * ```
 */
export async function* synthesise(
  model: LanguageModel,
  tasks: Iterable<SynthesisTask> | AsyncIterable<SynthesisTask>,
  options: SynthesiseOptions = {},
): AsyncGenerator<Plain> {
  const { retries = 2, validate, similarity = 0.8, seed = 1, onFailed, ...sampling } = options
  const finder = new NearDuplicates({ similarity })
  let asked = 0
  for await (const task of tasks) {
    const { prompt, system, category, complete = (value: Plain) => value, of } = task
    const opening: ChatMessage[] = [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user', content: prompt },
    ]
    let messages = opening
    let why = ''
    for (let attempt = 1; attempt <= retries + 1; attempt++) {
      options.signal?.throwIfAborted()
      const { text } = await model.generate(messages, { ...sampling, seed: seed + asked++ })
      const value = recordIn(text)
      const whole = value === undefined ? 'The answer is no JSON object.' : complete(value)
      const record = typeof whole === 'string' ? undefined : { ...(category === undefined ? {} : { category }), ...whole }
      why = typeof whole === 'string' ? whole : ((record && (wrongWith(record) ?? validate?.(record))) ?? '')
      // Compared last: what was refused for another reason is no earlier example.
      if (value && why === '' && finder.add(recordText({ value, where: {} }))) why = 'It is nearly the same as an earlier one.'
      if (record && why === '') {
        yield {
          ...record,
          provenance: {
            by: 'model',
            model: model.name,
            prompt: hashText(prompt).toString(16),
            attempt,
            ...(of === undefined ? {} : { of }),
          },
        }
        break
      }
      messages = [
        ...opening,
        { role: 'assistant', content: text },
        { role: 'user', content: `${why} Answer again, with one JSON object and nothing else.` },
      ]
    }
    if (why !== '') onFailed?.(task, why)
  }
}

function wrongWith(value: Plain): string | undefined {
  const error = checkRecord(value, {}, {}).findings.find(({ severity }) => severity === 'error')
  return error && `${error.field === undefined ? '' : `${error.field}: `}${error.message} ${error.fix.label}`
}

/** The first JSON object of an answer, whatever is said around it. */
function recordIn(text: string): Plain | undefined {
  for (let from = text.indexOf('{'), tries = 0; from >= 0 && tries < 20; from = text.indexOf('{', from + 1), tries++)
    for (let to = text.lastIndexOf('}'), ends = 0; to > from && ends < 20; to = text.lastIndexOf('}', to - 1), ends++)
      try {
        const value: unknown = JSON.parse(text.slice(from, to + 1))
        if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
      } catch {
        // A brace in the prose, or one too many.
      }
  return undefined
}
