import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { textModel } from '../../test/text-model.js'
import { defineTask, loadTask, parseTask } from './load-task.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-task-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Records as they are published, and what is asked for them: the context (or the text), and what may continue it. */
const published: Readonly<
  Record<
    string,
    { readonly record: object; readonly context: string; readonly continuations: readonly string[]; readonly expected?: string }
  >
> = {
  arc: {
    record: { id: 'x', question: 'Which is cold?', choices: { text: ['fire', 'ice'], label: ['A', 'B'] }, answerKey: 'B' },
    context: 'Question: Which is cold?\nAnswer:',
    continuations: [' fire', ' ice'],
    expected: 'ice',
  },
  boolq: {
    record: { question: 'is ice cold', passage: 'Ice is cold.', label: 1 },
    context: 'Ice is cold.\nQuestion: is ice cold?\nAnswer:',
    continuations: [' no', ' yes'],
    expected: 'yes',
  },
  hellaswag: {
    record: {
      activity_label: 'Skating',
      ctx_a: 'A man skates [title] On',
      ctx_b: 'he',
      endings: ['falls [step] down.', 'sings.'],
      label: '0',
    },
    context: 'Skating: A man skates. On He',
    continuations: [' falls down.', ' sings.'],
    expected: 'falls down.',
  },
  lambada: {
    record: { text: 'The altar was made of stone' },
    context: 'The altar was made of',
    continuations: [' stone'],
    expected: ' stone',
  },
  mmlu: {
    record: { question: ' Which is cold? ', subject: 'high_school_physics', choices: ['fire', 'ice', 'sun', 'lava'], answer: 1 },
    context:
      'The following are multiple choice questions (with answers) about high school physics.\n\nWhich is cold?\nA. fire\nB. ice\nC. sun\nD. lava\nAnswer:',
    continuations: [' A', ' B', ' C', ' D'],
    expected: 'B',
  },
  openbookqa: {
    record: { question_stem: 'What is cold is', choices: { text: ['fire', 'ice'], label: ['A', 'B'] }, answerKey: 'B' },
    context: 'What is cold is',
    continuations: [' fire', ' ice'],
    expected: 'ice',
  },
  piqa: {
    record: { goal: 'Cool water.', sol1: 'Add ice.', sol2: 'Add fire.', label: 0 },
    context: 'Question: Cool water.\nAnswer:',
    continuations: [' Add ice.', ' Add fire.'],
    expected: 'Add ice.',
  },
  sciq: {
    record: {
      question: 'What is cold?',
      support: ' Ice.',
      distractor1: 'fire',
      distractor2: 'sun',
      distractor3: 'lava',
      correct_answer: 'ice',
    },
    context: 'Ice.\nQuestion: What is cold?\nAnswer:',
    continuations: [' fire', ' sun', ' lava', ' ice'],
    expected: 'ice',
  },
  wikitext: { record: { page: ' = Ice = \n It is cold @-@ ish . ' }, context: '', continuations: [' = Ice =\nIt is cold-ish. '] },
}

describe('tasks that ship ask for their public records', () => {
  test.each(Object.entries(published))('%s', async (name, { record, context, continuations, expected }) => {
    const data = join(folder, `${name}.jsonl`)
    await writeFile(data, `${JSON.stringify(record)}\n`)
    const asked: (readonly [string, string])[] = []
    const model = textModel((before, after) => {
      asked.push([before, after])
      return { logLikelihood: -1, greedy: true }
    })
    const [item] = (await loadTask(name, { data })).items
    const measured = await item!.measure(model, { seed: 1 })
    expect(asked).toEqual(continuations.map((one) => [context, one]))
    expect(measured.expected).toBe(expected)
  })

  test('winogrande continues two contexts', async () => {
    const data = join(folder, 'winogrande.jsonl')
    await writeFile(data, JSON.stringify({ sentence: 'The _ melts in the sun.', option1: 'ice', option2: 'stone', answer: '1' }))
    const asked: string[] = []
    const model = textModel((before, after) => {
      asked.push(`${before}|${after}`)
      return { logLikelihood: before.endsWith('ice') ? -1 : -2, greedy: true }
    })
    const [item] = (await loadTask('winogrande', { data })).items
    expect(await item!.measure(model, { seed: 1 })).toMatchObject({ right: true })
    expect(asked).toEqual(['The ice| melts in the sun.', 'The stone| melts in the sun.'])
  })

  test('truthfulqa-mc1 has its six questions before, and the first choice is right', async () => {
    const data = join(folder, 'truthful.jsonl')
    await writeFile(data, JSON.stringify({ question: 'Is ice cold?', mc1_targets: { choices: ['Yes.', 'No.'], labels: [1, 0] } }))
    const contexts: string[] = []
    const model = textModel((before, after) => {
      contexts.push(before)
      return { logLikelihood: after === ' Yes.' ? -1 : -2, greedy: true }
    })
    const [item] = (await loadTask('truthfulqa-mc1', { data })).items
    expect(await item!.measure(model, { seed: 1 })).toMatchObject({ right: true, expected: 'Yes.' })
    expect(contexts[0]!.match(/^Q: /gm)).toHaveLength(7)
  })

  test('gsm8k counts the number behind the marks, whatever the commas and the point at its end', async () => {
    const data = join(folder, 'gsm8k.jsonl')
    await writeFile(data, JSON.stringify({ question: 'How many?', answer: 'Many.\n#### 1,200' }))
    const [item] = (await loadTask('gsm8k', { data })).items
    const say = (text: string) =>
      item!.measure(
        textModel(
          () => ({ logLikelihood: 0, greedy: true }),
          () => text,
        ),
        { seed: 1 },
      )
    expect(await say('So\n#### $1200.')).toMatchObject({ right: false })
    expect(await say('So\n#### 1200.')).toMatchObject({ right: true })
    expect(await say('It is 1,200')).toMatchObject({ right: false, explanation: expect.stringContaining('fits the pattern') })
  })
})

test('what is right and wrong goes by the metrics that a task has', async () => {
  const measure = async (metrics: ('bleu' | 'contains')[]) => {
    const task = { name: 'x', kind: 'generate', prompt: '{{q}}', answer: 'ice', metrics } as const
    const model = textModel(
      () => ({ logLikelihood: 0, greedy: true }),
      () => 'It is ice.',
    )
    return (await defineTask(task, [{ q: 'What?' }]).items[0]!.measure(model, { seed: 1 })).right
  }
  expect([await measure(['contains']), await measure(['bleu'])]).toEqual([true, undefined])
})

test('a field that a record lacks is named; names of loops and constants are no fields', async () => {
  const measure = async (prompt: string, record: object) =>
    defineTask({ name: 'x', kind: 'generate', prompt, answer: 'a' }, [{ ...record }]).items[0]!.measure(
      textModel(() => ({ logLikelihood: 0, greedy: true })),
      { seed: 1 },
    )
  await expect(measure('{{question}}', { q: 1 })).rejects.toMatchObject({
    code: 'EVAL_FIELD_MISSING',
    where: { field: 'question' },
  })
  await expect(measure('{{toString}}', { q: 1 })).rejects.toMatchObject({ code: 'EVAL_FIELD_MISSING' })
  const { prompt } = await measure('{% for i in list %}{{i}}{% endfor %}{% if not q %} {{ none or "x" }}{% endif %}', {
    list: [1, 2],
    q: false,
  })
  expect(prompt).toBe('12 x')
  const looped = '{% for k, v in q.items() %}{{ k }}{{ v }}{{ loop.index }}{% endfor %} {{ hint | default("none") }}'
  expect((await measure(looped, { q: { a: 2 } })).prompt).toBe('a21 none')
  await expect(measure('{{q', { q: 1 })).rejects.toMatchObject({ code: 'EVAL_TASK_INVALID' })
})

test('words of the harness whose meaning we have not are refused by name', () => {
  const task = { task: 'x', output_type: 'generate_until', doc_to_text: 'q', doc_to_target: 'a' }
  expect(
    parseTask({
      ...task,
      metric_list: [{ metric: 'exact_match', aggregation: 'mean', higher_is_better: true, ignore_case: true }],
      generation_kwargs: { until: 'Q:', do_sample: false, temperature: 0, max_gen_toks: 9 },
    }),
  ).toMatchObject({ prompt: '{{q}}', metrics: ['exact_match'], ignore: { case: true }, stop: ['Q:'], maxTokens: 9 })
  for (const [more, what] of [
    [{ metric_list: [{ metric: 'exact_match', regexes_to_ignore: [','] }] }, 'regexes_to_ignore'],
    [{ generation_kwargs: { do_sample: true, temperature: 1 } }, 'do_sample'],
    [{ process_docs: '!function utils.f' }, 'process_docs'],
  ] as const)
    expect(() => parseTask({ ...task, ...more })).toThrow(expect.objectContaining({ message: expect.stringContaining(what) }))
})

test('a choice without a token cannot be scored', async () => {
  const suite = defineTask({ name: 'x', kind: 'choice', prompt: 'Q', choices: ['', 'a'], delimiter: '', answer: 1 }, [{}])
  const model = textModel(() => ({ logLikelihood: -1, greedy: true }))
  await expect(suite.items[0]!.measure(model, { seed: 1 })).rejects.toMatchObject({ code: 'EVAL_TEXT_TOO_SHORT' })
})

test('the harness ends an answer where a shot ends, unless a task says more, and compares white space', async () => {
  const task = { task: 'x', output_type: 'generate_until', doc_to_text: 'q', doc_to_target: 'a' }
  expect(parseTask(task)).toMatchObject({ stop: ['\n\n'], trim: false })
  expect(parseTask({ ...task, fewshot_delimiter: '##', generation_kwargs: { max_gen_toks: 9 } })).toMatchObject({ stop: ['##'] })
  const right = async (trim: boolean) => {
    const model = textModel(
      () => ({ logLikelihood: 0, greedy: true }),
      () => ' zzz\n',
    )
    const { items } = defineTask({ name: 'x', kind: 'generate', prompt: 'q', answer: 'zzz', trim }, [{}])
    return (await items[0]!.measure(model, { seed: 1 })).right
  }
  expect([await right(true), await right(false)]).toEqual([true, false])
})

test('a task that does not say what is right is refused, and so is one that says it where it is not looked for', async () => {
  const task = { name: 'x', kind: 'generate', prompt: 'q' } as const
  expect(() => parseTask(task)).toThrow(expect.objectContaining({ code: 'EVAL_TASK_INVALID', where: { field: 'answer' } }))
  expect(() => parseTask({ ...task, output_type: 'generate_until', doc_to_choice: ['a', 'b'], doc_to_target: 0 })).toThrow(
    expect.objectContaining({ where: { field: 'choices' } }),
  )
  const model = textModel(
    () => ({ logLikelihood: 0, greedy: true }),
    () => 'anything',
  )
  const { items } = defineTask({ ...task, answer: '{{a}}', metrics: ['contains'], ignore: { punctuation: true } }, [{ a: '?' }])
  expect(await items[0]!.measure(model, { seed: 1 })).toMatchObject({ right: false })
})

test('the instruction is a template over the record in question', async () => {
  const task = { name: 'x', kind: 'generate', instruction: 'About {{topic}}.\n\n', prompt: '{{q}}', answer: '{{a}}' } as const
  const records = [
    { topic: 'ice', q: 'Q1', a: 'A1' },
    { topic: 'fire', q: 'Q2', a: 'A2' },
  ]
  const { items } = defineTask({ ...task, shots: { count: 1 } }, records)
  const { prompt } = await items[1]!.measure(
    textModel(() => ({ logLikelihood: 0, greedy: true })),
    { seed: 1 },
  )
  expect(prompt).toBe('About fire.\n\nQ1 A1\n\nQ2')
})

test('shots are of the same kind as the question where the task says so', async () => {
  const records = ['tea', 'war', 'tea', 'war', 'tea'].map((subject, i) => ({
    subject,
    question: `${subject}${i}`,
    answer: 'yes',
  }))
  const byTask = {
    name: 'by',
    kind: 'likelihood',
    prompt: '{{question}}',
    answer: '{{answer}}',
    shots: { count: 1, by: '{{subject}}', separator: '|' },
  } as const
  const model = textModel(() => ({ logLikelihood: 0, greedy: true }))
  const prompts = async (count: number, own?: readonly Record<string, string>[]) => {
    const { items } = defineTask({ ...byTask, shots: { ...byTask.shots, count } }, records, own)
    return Promise.all(items.map(async (item) => (await item.measure(model, { seed: 1 })).prompt))
  }
  expect(await prompts(1)).toEqual(['tea2yes|tea0', 'war3yes|war1', 'tea0yes|tea2', 'war1yes|war3', 'tea0yes|tea4'])
  await expect(prompts(2)).rejects.toThrow(/only 1 records of the group "war"/)
  await expect(prompts(1, records.slice(0, 1))).rejects.toThrow(/only 0 records of the group "war"/)
})

test('fewer records than shots are an error, and a limit changes no prompt', async () => {
  const data = join(folder, 'few.jsonl')
  const records = Array.from({ length: 3 }, (_, i) => ({ goal: `goal ${i}`, sol1: 'a', sol2: 'b', label: 0 }))
  await writeFile(data, records.map((record) => JSON.stringify(record)).join('\n'))
  await expect(loadTask('piqa', { data, shotCount: 3 })).rejects.toMatchObject({
    code: 'EVAL_TASK_INVALID',
    message: expect.stringContaining('only 2 records'),
  })
  const { items } = await loadTask('piqa', { data, shotCount: 2, limit: 1 })
  expect(items).toHaveLength(1)
  const { prompt } = await items[0]!.measure(
    textModel(() => ({ logLikelihood: -1, greedy: true })),
    { seed: 1 },
  )
  expect(prompt).toContain('goal 1')
  expect(prompt).toContain('goal 2')
})

test('numbers of shots that are none are refused', async () => {
  const data = join(folder, 'shots.jsonl')
  await writeFile(data, '{"goal": "x", "sol1": "a", "sol2": "b", "label": 0}\n')
  for (const shotCount of [-1, 1.5])
    await expect(loadTask('piqa', { data, shotCount })).rejects.toMatchObject({ code: 'EVAL_TASK_INVALID' })
})
