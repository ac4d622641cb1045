import { permutation } from '@qt/core'
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
  if (count === 0) return () => task.instruction
  const source = own ?? records
  const { prompt, choices, contexts, answers, delimiter } = texts(task)
  const shown = task.shots?.answer === undefined ? undefined : template(task.shots.answer, 'shots.answer')
  const order = seed === undefined ? source.map((_, i) => i) : [...permutation(source.length, seed, 'sample', 0)]
  const solved = new Map<number, string>()
  const solve = (i: number): string => {
    const fields = source[i]!
    const options = task.contexts === undefined ? choices(fields) : contexts(fields)
    const [first = ''] = answers(fields)
    const right = task.kind === 'choice' ? (options[rightChoices([first], options)[0] ?? -1] ?? first) : first
    const text = `${prompt(fields)}${delimiter}${shown?.text(fields) ?? right}`
    solved.set(i, text)
    return text
  }
  return (at) => {
    const chosen = order.filter((i) => own !== undefined || i !== at).slice(0, count)
    return task.instruction + chosen.map((i) => `${solved.get(i) ?? solve(i)}${separator}`).join('')
  }
}
