import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { encodePair } from '../src/likelihood/encode-pair.js'
import { measureOf } from '../src/likelihood/rolling.js'
import { rollingWindows } from '../src/likelihood/windows.js'
import { metricValue } from '../src/metric/metric.js'
import { defineTask, parseTask } from '../src/task/load-task.js'
import { taskSuite } from '../src/task/task-suite.js'
import { characters, textModel } from './text-model.js'

const request = z.object({
  context: z.string().default(''),
  continuation: z.string().optional(),
  text: z.string().default(''),
  logLikelihood: z.number().default(0),
  greedy: z.boolean().default(false),
  until: z.array(z.string()).default([]),
})
const fixture = z
  .object({
    version: z.string(),
    tasks: z.record(
      z.string(),
      z.object({
        config: z.record(z.string(), z.unknown()),
        records: z.array(z.record(z.string(), z.unknown())),
        requests: z.array(request),
        metrics: z.record(z.string(), z.union([z.number(), z.string()])),
      }),
    ),
    pairs: z.array(
      z.object({ context: z.string(), continuation: z.string(), ids: z.tuple([z.array(z.number()), z.array(z.number())]) }),
    ),
    windows: z.array(
      z.object({ count: z.number(), length: z.number(), windows: z.array(z.tuple([z.array(z.number()), z.array(z.number())])) }),
    ),
  })
  .parse(JSON.parse(await readFile(new URL('fixtures/lm-eval.json', import.meta.url), 'utf8')))

/** The last-word task needs Python in its templates, which ours prepares; what has several contexts has words of its own here. */
const ours: Readonly<Record<string, object>> = {
  'contexts-shots': {
    kind: 'choice',
    contexts: '{{options}}',
    continuation: '{{rest}}',
    answer: '{{label}}',
    shots: { count: 2 },
    metrics: ['acc'],
  },
  'last-word': {
    kind: 'likelihood',
    prepare: 'last-word',
    prompt: '{{before}}',
    answer: ' {{last}}',
    metrics: ['perplexity', 'acc'],
  },
}

describe(`the same as lm-evaluation-harness ${fixture.version}`, () => {
  test.each(Object.keys(fixture.tasks))('task %s: requests word for word, metrics to 1e-9', async (name) => {
    const { config, records, requests, metrics } = fixture.tasks[name]!
    const asked: string[] = []
    const known = new Map(
      requests.map((one) => [
        `${one.context}\0${one.continuation ?? ''}\0${one.continuation === undefined ? one.text : ''}`,
        one,
      ]),
    )
    const model = textModel(
      (context, continuation) => {
        const key = name === 'rolling' ? `\0\0${continuation}` : `${context}\0${continuation}\0`
        asked.push(key)
        const found = known.get(key)
        if (!found) throw new Error(`the harness did not ask: ${JSON.stringify(key)}`)
        return found
      },
      (prompt) => requests.find(({ context }) => context === prompt)!.text,
    )
    const { fewshot_split: _split, fewshot_config: _config, ...read } = config
    const task = parseTask(ours[name] ? { name, ...ours[name] } : { ...read, task: name })
    if (task.kind === 'generate') expect(task.stop).toEqual(requests[0]!.until)
    const data = records.map((record) => (name === 'last-word' ? { ...record, text: record.page } : record))
    const suite = taskSuite(task, data)
    const measured = await Promise.all(suite.items.map((item) => item.measure(model, { seed: 1 })))
    if (task.kind !== 'generate') expect(new Set(asked)).toEqual(new Set(known.keys()))
    expect(suite.metrics.length).toBeGreaterThan(0)
    for (const { name: metric, aggregate } of suite.metrics) {
      const value = metricValue(
        aggregate,
        measured.map(({ scores }) => scores[metric]!),
      )
      const expected = Number(metrics[metric])
      expect(Math.abs(value - expected), `${metric}: ${value} and ${expected}`).toBeLessThanOrEqual(1e-9 * Math.abs(expected))
    }
  })

  test('pairs are cut where the harness cuts them', () => {
    const ids = new Map<string, number>()
    const pieces = (text: string) => text.match(/\s*[^\W\d]+|\s*\d|\s*[^\w\s]|\s+/g) ?? []
    const toy = {
      ...characters,
      encode: (text: string) =>
        Uint32Array.from(pieces(text), (piece) => {
          ids.set(piece, ids.get(piece) ?? ids.size + 1)
          return ids.get(piece)!
        }),
    }
    for (const { context, continuation, ids: expected } of fixture.pairs.filter(
      ({ continuation }) => Buffer.byteLength(continuation) === continuation.length,
    )) {
      const pair = encodePair(toy, context, continuation)
      expect([pair.context.length, pair.continuation.length], context).toEqual([expected[0].length, expected[1].length])
    }
  })

  test('without a context the text follows the token that begins texts, which is not scored itself', () => {
    // A tokenizer that begins texts with a token of its own accord.
    const beginning = {
      ...characters,
      encode: (text: string, { special = false } = {}) =>
        Uint32Array.from([...(special && !text.startsWith('<s>') ? [0] : []), ...characters.encode(text.replace('<s>', ''))]),
    }
    const { context, continuation } = encodePair(beginning, '', 'ab')
    expect([[...context], [...continuation]]).toEqual([[0], [98, 99]])
  })

  test('white space is that of Python', () => {
    expect(measureOf('a\u0085b\u001cc\ufeffd').words).toBe(3)
    const { continuation } = encodePair(characters, 'a\u0085\ufeff\u001f', 'b')
    expect(characters.decode(continuation)).toBe('\u001fb')
  })

  test.each(fixture.windows)('windows of $length over $count tokens', ({ count, length, windows }) => {
    const ids = Array.from({ length: count }, (_, i) => 100 + i)
    const found = [...rollingWindows(ids, 7, length)].map(({ ids, scored }) => [ids.slice(0, -1), ids.slice(-scored)])
    expect(found.map(([context, scored]) => [context!.slice(0, context!.length + 1 - scored!.length), scored])).toEqual(windows)
  })
})

test('a task whose answer is none of its choices names the item', async () => {
  const suite = defineTask({ name: 'x', kind: 'choice', prompt: '{{q}}', choices: ['a', 'b'], answer: '{{right}}' }, [
    { q: 'Which?', right: 'c', id: 'one' },
  ])
  await expect(
    suite.items[0]!.measure(
      textModel(() => ({ logLikelihood: -1, greedy: false })),
      { seed: 1 },
    ),
  ).rejects.toMatchObject({
    code: 'EVAL_ANSWER_UNKNOWN',
    message: expect.stringContaining('1:one'),
  })
})
