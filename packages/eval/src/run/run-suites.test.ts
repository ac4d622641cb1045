import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LanguageModel, QtError } from '@qt/core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { textModel } from '../../test/text-model.js'
import { compareRuns } from '../compare/compare.js'
import { markdownReport } from '../report/markdown.js'
import { readReport, saveReport } from '../report/save.js'
import type { Suite } from '../suite/suite.js'
import { defineTask } from '../task/load-task.js'
import { evaluate } from './evaluate.js'
import type { RunReport } from './report.js'
import { runSuites } from './run-suites.js'

// Many resamples, on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-eval-run-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const records = Array.from({ length: 20 }, (_, i) => ({ question: `What is ${i} and ${i}?`, answer: String(2 * i) }))
const sums = () =>
  defineTask({ name: 'sums', kind: 'generate', chat: true, prompt: '{{question}}', answer: '{{answer}}', maxTokens: 5 }, records)

/** Right about numbers below `limit`. */
const adder = (limit: number, name = `adder ${limit}`) =>
  scriptedModel(({ content }) => {
    const i = Number(/\d+/.exec(content)![0])
    return i < limit ? String(2 * i) : 'many'
  }, name)

/** What does not depend on the clock or the machine. */
const timeless = ({ seconds: _s, peakMemory: _m, tokens: _t, suites, ...rest }: RunReport) => ({
  ...rest,
  suites: suites.map(({ items, ...suite }) => ({ ...suite, items: items.map(({ seconds: _, ...item }) => item) })),
})

test('every item is measured, in order, however many go at once', async () => {
  const [one, four] = [await runSuites(adder(15), [sums()]), await runSuites(adder(15), [sums()], { parallel: 4 })]
  expect(timeless(one)).toEqual(timeless(four))
  expect(one.suites[0]!.metrics[0]).toMatchObject({ name: 'exact_match', value: 0.75, items: 20 })
  expect(one.suites[0]!.items.map(({ id }) => id)).toEqual(records.map((_, i) => String(i + 1)))
  expect(one.suites[0]!.items[16]).toMatchObject({ right: false, output: 'many', expected: '32' })
})

test('a run that was stopped goes on from its cache and ends as one that was not', async () => {
  const cache = join(folder, 'answers.jsonl')
  const abort = new AbortController()
  const stopped = runSuites(adder(15), [sums()], {
    cache,
    modelId: 'm',
    signal: abort.signal,
    onProgress: ({ done }) => {
      if (done === 8) abort.abort()
    },
  })
  await expect(stopped).rejects.toThrow(/abort/i)
  // A crash may tear the last line.
  await writeFile(cache, (await readFile(cache, 'utf8')).slice(0, -20))
  const model = adder(15)
  const resumed = await runSuites(model, [sums()], { cache, modelId: 'm' })
  expect(model.asked).toHaveLength(13)
  expect(timeless(resumed)).toEqual(timeless(await runSuites(adder(15), [sums()], { modelId: 'm' })))
  const again = adder(15)
  await runSuites(again, [sums()], { cache, modelId: 'm' })
  expect(again.asked).toHaveLength(0)
  // Another model of the same name is told apart by its id.
  const other = adder(3, 'adder 15')
  await runSuites(other, [sums()], { cache, modelId: 'other' })
  expect(other.asked).toHaveLength(20)
})

test('scores come out of the cache as they went in', async () => {
  const cache = join(folder, 'scores.jsonl')
  const task = () =>
    defineTask({ name: 'choice', kind: 'choice', prompt: '{{q}}', choices: ['a', 'bc'], answer: 0 }, [
      { q: 'One?' },
      { q: 'Two?' },
    ])
  let asked = 0
  const model = () =>
    textModel((_, continuation) => {
      asked++
      return { logLikelihood: continuation === ' a' ? -1.2 : -2.3, greedy: false }
    })
  const first = await runSuites(model(), [task()], { cache, modelId: 'm' })
  const before = asked
  expect(timeless(await runSuites(model(), [task()], { cache, modelId: 'm' }))).toEqual(timeless(first))
  expect([before, asked]).toEqual([4, 4])
  expect(first.suites[0]!.metrics.map(({ value }) => value)).toEqual([1, 0])
})

test('limits stop before the next item, and the report says so', async () => {
  const { stopped, suites } = await runSuites(adder(20), [sums()], { limits: { tokens: 6 } })
  expect(stopped).toBe('the limit of 6 tokens')
  expect(suites[0]!.items.length).toBeLessThan(suites[0]!.total)
  const short = await runSuites(adder(20), [sums()], { limits: { tokens: 6 } })
  await saveReport(join(folder, 'short.xml'), [short])
  const xml = await readFile(join(folder, 'short.xml'), 'utf8')
  expect(xml).toContain('<testsuite name="sums" tests="7" failures="0" errors="1">')
  expect(xml).toContain('<error message="14 of 20 items: the limit of 6 tokens."/>')
  const costly = await runSuites(adder(20), [sums()], { limits: { cost: 3 }, price: { input: 0, output: 1e6 } })
  expect([costly.stopped, costly.cost]).toEqual(['the limit of cost, 3', 3])
  await expect(runSuites(adder(20), [sums()], { limits: { cost: 3 } })).rejects.toMatchObject({ code: 'EVAL_LIMIT_INVALID' })
})

test('a limit of tokens or cost is refused where nobody counts them', async () => {
  const silent = { ...adder(20), generate: async () => ({ text: 'many', tokens: 0, why: 'end' as const }) }
  for (const more of [{ limits: { tokens: 6 } }, { limits: { cost: 3 }, price: { input: 1, output: 1 } }])
    await expect(runSuites(silent, [sums()], more)).rejects.toMatchObject({ code: 'EVAL_USAGE_UNKNOWN', kind: 'usage' })
  expect((await runSuites(silent, [sums()], { limits: { seconds: 60 } })).stopped).toBeUndefined()
})

test('an item that is too long for the model is reported, and the others go on; other errors end the run', async () => {
  const failing = (code: string) => ({
    ...adder(20),
    generate: async (prompt: Parameters<ReturnType<typeof adder>['generate']>[0]) => {
      if (JSON.stringify(prompt).includes('is 3 and')) throw new QtError({ code, message: 'No.' })
      return { text: '0', tokens: 1, why: 'end' as const }
    },
  })
  const { suites } = await runSuites(failing('PROMPT_TOO_LONG'), [sums()])
  expect(suites[0]!.items[3]).toMatchObject({ error: 'No.', scores: {} })
  expect(suites[0]!.metrics[0]!.items).toBe(19)
  await expect(runSuites(failing('SERVER_FAILED'), [sums()])).rejects.toMatchObject({ code: 'SERVER_FAILED' })
})

test('an error waits for what is still being asked', async () => {
  const suite: Suite = {
    name: 'two',
    metrics: [],
    items: [
      { id: 'bad', measure: () => Promise.reject(new QtError({ code: 'SERVER_FAILED', message: 'No.' })) },
      {
        id: 'slow',
        measure: async () => {
          await new Promise((resolve) => setTimeout(resolve, 20))
          ended = true
          return { scores: {} }
        },
      },
    ],
  }
  let ended = false
  await expect(runSuites(adder(1), [suite], { parallel: 2 })).rejects.toMatchObject({ code: 'SERVER_FAILED' })
  expect(ended).toBe(true)
})

test('a model may be of a class', async () => {
  class Fixed implements LanguageModel {
    readonly name = 'fixed'
    readonly #text = 'many'
    generate() {
      return Promise.resolve({ text: this.#text, tokens: 1, why: 'end' as const })
    }
    async *stream() {
      yield this.#text
    }
    close() {
      return Promise.resolve()
    }
  }
  const { suites } = await runSuites(new Fixed(), [sums()], { cache: join(folder, 'class.jsonl'), modelId: 'm' })
  expect(suites[0]!.items[0]!.output).toBe('many')
})

test('what is impossible stays so in a saved report', async () => {
  const task = defineTask({ name: 'last', kind: 'likelihood', prompt: '{{q}}', answer: 'x', metrics: ['perplexity'] }, [
    { q: 'One' },
  ])
  const run = await runSuites(
    textModel(() => ({ logLikelihood: Number.NEGATIVE_INFINITY, greedy: false })),
    [task],
  )
  const file = join(folder, 'impossible.json')
  await saveReport(file, [run])
  expect((await readReport(file)).suites[0]!.items[0]!.scores.perplexity).toEqual([Number.POSITIVE_INFINITY, 1])
})

test('items need ids of their own', async () => {
  const twice: Suite = { ...sums(), items: [...sums().items, ...sums().items] }
  await expect(runSuites(adder(1), [twice])).rejects.toMatchObject({ code: 'EVAL_ITEMS_REPEATED' })
  await expect(runSuites(adder(1), [sums(), sums()])).rejects.toMatchObject({ code: 'EVAL_ITEMS_REPEATED' })
  await expect(runSuites(adder(1), [])).rejects.toMatchObject({ code: 'EVAL_NO_ITEMS' })
  await expect(evaluate([adder(1), adder(1)], [sums()])).rejects.toMatchObject({ code: 'EVAL_ITEMS_REPEATED' })
  const two = await evaluate([adder(5, 'm'), adder(20, 'm')], [sums()], {
    names: ['base', 'tuned'],
    cache: join(folder, 'two.jsonl'),
    modelIds: ['1', '2'],
  })
  expect(two.better('tuned', 'base').verdict).toBe('better')
})

test('a cache needs to know which model answers: a name stays when a model is trained on', async () => {
  const cache = join(folder, 'named.jsonl')
  await expect(runSuites(adder(5), [sums()], { cache })).rejects.toMatchObject({ code: 'EVAL_CACHE_MODEL' })
  const models = [adder(5), adder(15)] as const
  await expect(evaluate(models, [sums()], { cache, modelIds: ['one'] })).rejects.toMatchObject({ code: 'EVAL_CACHE_MODEL' })
  const names = ['base', 'tuned']
  await evaluate(models, [sums()], { cache, names, modelIds: ['1', '2'] })
  const again = await evaluate([adder(5), adder(20)], [sums()], { cache, names, modelIds: ['1', '3'] })
  expect(again.runs[1]).toMatchObject({ modelId: '3', suites: [{ metrics: [{ value: 1 }] }] })
})

test('two models are compared, and reports are written in every form', async () => {
  const evaluation = await evaluate([adder(5), adder(20, 'adder <20> & "more"')], [sums()])
  expect(evaluation.better('adder <20> & "more"', 'adder 5').verdict).toBe('better')
  expect(evaluation.better('adder 5', 'adder <20> & "more"').verdict).toBe('worse')
  for (const name of ['r.html', 'r.md', 'r.xml', 'r.json']) await evaluation.save(join(folder, 'new', name))
  const read = (name: string) => readFile(join(folder, 'new', name), 'utf8')
  const html = await read('r.html')
  expect(html).toContain('adder &lt;20&gt; &amp; &quot;more&quot;')
  expect(html).not.toMatch(/(src|href)=|https?:\/\//)
  expect(html.match(/<details class="item"/g)).toHaveLength(20)
  expect(html.match(/data-is="wrong differs"/g)).toHaveLength(15)
  expect(await read('r.md')).toMatch(/\| sums \| exact_match \| 25\.0 % \(/)
  expect(await read('r.xml')).toContain('<testsuite name="sums" tests="20" failures="0" errors="0">')
  const report = await readReport(join(folder, 'new', 'r.json'))
  expect(report).toEqual(JSON.parse(JSON.stringify(evaluation.runs[1])))
  await saveReport(join(folder, 'new', 'first.xml'), evaluation.runs.slice(0, 1))
  expect((await read('first.xml')).match(/<failure /g)).toHaveLength(15)
})

test('what a model wrote makes no link, picture or emphasis in Markdown', async () => {
  const wrong = scriptedModel(() => '![x](http://evil/x.png) [y](javascript:z) *a* _b_ `c` snake_case [roll: d]', 'm')
  const text = markdownReport([await runSuites(wrong, [sums()])])
  expect(text).toContain('![x]\\(http://evil/x.png) [y]\\(javascript:z) \\*a\\* \\_b\\_ \\`c\\` snake_case [roll: d]')
})

test('a long text that grew is another item, and an empty one is none', async () => {
  const text = 'word '.repeat(200)
  const model = textModel(() => ({ logLikelihood: -1, greedy: false }))
  const measured = (one: string) =>
    runSuites(model, [defineTask({ name: 'text', kind: 'rolling', prompt: '{{text}}' }, [{ text: one }])])
  const [before, after] = [await measured(text), await measured(`${text}more`)]
  expect(() => compareRuns(before, after)).toThrow(expect.objectContaining({ code: 'EVAL_NOTHING_IN_COMMON' }))
  expect(compareRuns(before, await measured(text)).unpaired).toBe(0)
  await expect(measured('')).rejects.toMatchObject({ code: 'EVAL_TEXT_TOO_SHORT' })
})

test('what is no report, and what is no kind of report, is refused', async () => {
  await writeFile(join(folder, 'bad.json'), '{"format": "qt-eval-1"}')
  await writeFile(join(folder, 'worse.json'), '{')
  for (const name of ['bad.json', 'worse.json', 'absent.json'])
    await expect(readReport(join(folder, name))).rejects.toMatchObject({ code: 'EVAL_REPORT_INVALID', kind: 'usage' })
  const run = await runSuites(adder(1), [sums()])
  await expect(saveReport(join(folder, 'r.pdf'), [run])).rejects.toMatchObject({ code: 'EVAL_REPORT_KIND' })
})
