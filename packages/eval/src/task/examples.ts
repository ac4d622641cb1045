import { permutation, usageError } from '@qt/core'
import type { Task } from './schema.js'
import { type Fields, template } from './template.js'

type Texts = string | readonly string[]

/** The templates of a task, read once. */
export function texts(task: Task) {
  const list = (value: Texts | undefined, where: string): ((fields: Fields) => string[]) => {
    if (value === undefined) return () => []
    if (typeof value === 'string') {
      const one = template(value, where)
      return (fields) => listOf(one.value(fields))
    }
    const many = value.map((text) => template(text, where))
    return (fields) => many.map((one) => one.text(fields))
  }
  const prompt = template(task.prompt, 'prompt')
  const answer = template(String(task.answer), 'answer')
  return {
    prompt: (fields: Fields) => prompt.text(fields),
    choices: list(task.choices, 'choices'),
    contexts: list(task.contexts, 'contexts'),
    continuation: task.continuation === undefined ? undefined : template(task.continuation, 'continuation'),
    counted: task.counted === undefined ? undefined : template(task.counted, 'counted'),
    answers: (fields: Fields) => listOf(answer.value(fields)),
    delimiter: task.delimiter ?? (task.kind === 'likelihood' ? '' : ' '),
  }
}

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [String(value)])

/** Which choices are right: by number where the answer is one, else by text. Empty when none is. */
export function rightChoices(answers: readonly string[], choices: readonly string[]): number[] {
  return answers.flatMap((answer) => {
    const byText = choices.indexOf(answer)
    if (/^\d+$/.test(answer.trim())) return Number(answer) < choices.length ? [Number(answer)] : byText >= 0 ? [byText] : []
    return byText >= 0 ? [byText] : []
  })
}

/** What stands before the question of a record: the instruction and solved records, each with its answer. */
export function shotsBefore(task: Task, records: readonly Fields[], own: readonly Fields[] | undefined): (at: number) => string {
  const { count = 0, separator = '\n\n', seed } = task.shots ?? {}
  const instruction = template(task.instruction, 'instruction')
  const before = (at: number) => instruction.text(records[at]!)
  if (count === 0) return before
  const source = own ?? records
  const by = template(task.shots?.by ?? '', 'shots.by')
  const order = seed === undefined ? source.map((_, i) => i) : [...permutation(source.length, seed, 'sample', 0)]
  const groups = new Map<string, number[]>()
  for (const i of order) {
    const group = by.text(source[i]!)
    const list = groups.get(group)
    if (list === undefined) groups.set(group, [i])
    else list.push(i)
  }
  const groupOf = (fields: Fields): readonly number[] => groups.get(by.text(fields)) ?? []
  const others = records.map((fields) => groupOf(fields).length - (own === undefined ? 1 : 0))
  const fewest = others.reduce((least, number) => Math.min(least, number), Number.POSITIVE_INFINITY)
  if (fewest < count) {
    const group = task.shots?.by === undefined ? '' : ` of the group ${JSON.stringify(by.text(records[others.indexOf(fewest)]!))}`
    throw usageError(
      'EVAL_TASK_INVALID',
      `The task ${task.name} wants ${count} shots, but there are only ${fewest} records${group} for them.`,
      {
        where: { field: 'shots.count' },
        actions: [`Ask for ${fewest} or fewer.`, 'Name more records for them in shots.data.'],
      },
    )
  }
  const { prompt, choices, contexts, continuation, answers, delimiter } = texts(task)
  const shown = task.shots?.answer === undefined ? undefined : template(task.shots.answer, 'shots.answer')
  const solved = new Map<number, string>()
  /** The question with its answer; with `contexts` the right context is part of the question, and what continues it the answer. */
  const solve = (i: number): string => {
    const fields = source[i]!
    const options = task.contexts === undefined ? choices(fields) : contexts(fields)
    const [first = ''] = answers(fields)
    const right = task.kind === 'choice' ? (options[rightChoices([first], options)[0] ?? -1] ?? first) : first
    const [question, answer] =
      task.contexts === undefined ? [prompt(fields), right] : [prompt(fields) + right, continuation?.text(fields) ?? '']
    const text = `${question}${delimiter}${shown?.text(fields) ?? answer}`
    solved.set(i, text)
    return text
  }
  return (at) => {
    // One more, for the record itself may be among them.
    const first = groupOf(records[at]!).slice(0, count + 1)
    const chosen = first.filter((i) => own !== undefined || i !== at).slice(0, count)
    return before(at) + chosen.map((i) => `${solved.get(i) ?? solve(i)}${separator}`).join('')
  }
}
