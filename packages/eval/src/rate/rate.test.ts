import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { scriptedModel } from '../../test/scripted-model.js'
import { loadRubric } from '../judge/rubric.js'
import type { RunReport } from '../run/report.js'
import { judgePairs } from './judge-pairs.js'
import { rateServer } from './rate-server.js'
import { isSwapped, ratedPairs, readRatings, summariseRatings } from './ratings.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-rate-'))
})
afterAll(() => rm(folder, { recursive: true }))

const pairSchema = z.object({
  done: z.number(),
  total: z.number(),
  index: z.number().optional(),
  left: z.string().default(''),
  right: z.string().default(''),
  a: z.unknown().optional(),
  b: z.unknown().optional(),
})

const pairs = Array.from({ length: 8 }, (_, i) => ({
  id: `q${i}`,
  prompt: `Question ${i}`,
  a: `dull ${i}`,
  b: `<b>vivid</b> ${i}`,
}))

test('raters see answers without knowing whose, and what they prefer is kept under the right model', async () => {
  const file = join(folder, 'ratings.jsonl')
  const server = await rateServer({ pairs, file })
  const post = async (body: unknown, headers = {}) =>
    fetch(new URL('rate', server.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const sides = new Set<boolean>()
  try {
    expect(await (await fetch(server.url)).text()).toContain('Which answer is better?')
    for (const rater of ['Ann', 'Ben']) {
      let pair = pairSchema.parse(await (await fetch(new URL(`next?rater=${rater}`, server.url))).json())
      expect(pair).toMatchObject({ done: 0, total: 8, index: 0 })
      expect([pair.a, pair.b]).toEqual([undefined, undefined])
      while (pair.index !== undefined) {
        const vivid = pair.left.includes('vivid') ? 'left' : 'right'
        sides.add(vivid === 'left')
        pair = pairSchema.parse(
          await (await post({ rater, index: pair.index, choice: rater === 'Ben' && pair.index === 3 ? 'equal' : vivid })).json(),
        )
      }
      expect(pair).toMatchObject({ done: 8, total: 8, left: '', right: '' })
    }
    expect(sides.size).toBe(2)
    for (const bad of [
      {},
      { rater: 'Ann', index: 99, choice: 'left' },
      { rater: '', index: 0, choice: 'left' },
      { rater: 'Ann', index: 0, choice: 'a' },
    ])
      expect((await post(bad)).status).toBe(400)
    expect((await post({ rater: 'x'.repeat(20_000) })).status).toBe(413)
    expect((await post({ rater: 'Ann', index: 0, choice: 'left' }, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await fetch(new URL('etc/passwd', server.url))).status).toBe(404)
  } finally {
    await server.close()
  }
  const summary = summariseRatings(await readRatings(file))
  expect(summary).toMatchObject({
    ratings: 16,
    raters: ['Ann', 'Ben'],
    a: 0,
    b: 15,
    equal: 1,
    verdict: 'better',
    preferB: { count: 15, of: 15 },
  })
  expect(summary.p).toBeCloseTo(2 / 2 ** 8, 12)
  expect(summary.agreement!.share).toBe(7 / 8)
})

test('a rater who comes back goes on, a torn line is passed over, the last word counts', async () => {
  const file = join(folder, 'again.jsonl')
  const line = (preference: string) => JSON.stringify({ id: 'q0', rater: 'Ann', preference })
  await writeFile(file, `${line('a')}\n${line('b')}\n{"id": "q1", "rat`)
  expect(await readRatings(file)).toEqual([{ id: 'q0', rater: 'Ann', preference: 'b' }])
  const server = await rateServer({ pairs, file })
  expect(await (await fetch(new URL('next?rater=Ann', server.url))).json()).toMatchObject({ done: 1, index: 1 })
  await expect(rateServer({ pairs, file, port: Number(new URL(server.url).port) })).rejects.toMatchObject({
    code: 'EVAL_PORT_TAKEN',
  })
  const body = JSON.stringify({ rater: 'Ann', index: 1, choice: 'equal' })
  await fetch(new URL('rate', server.url), { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  await server.close()
  expect(await readRatings(file)).toHaveLength(2)
})

test('a name stays whole when it comes in pieces, and a port that is none is refused', async () => {
  const file = join(folder, 'pieces.jsonl')
  const server = await rateServer({ pairs, file })
  const body = Buffer.from(JSON.stringify({ rater: 'Zoë', index: 0, choice: 'left' }))
  const { port } = new URL(server.url)
  const headers = { 'content-type': 'application/json', 'content-length': body.length }
  await new Promise<void>((resolve, reject) => {
    const sent = request({ port, path: '/rate', method: 'POST', headers }, (answer) => {
      answer.resume().once('end', resolve)
    })
    sent.once('error', reject)
    sent.write(body.subarray(0, body.indexOf('ë') + 1))
    setTimeout(() => sent.end(body.subarray(body.indexOf('ë') + 1)), 50)
  })
  await server.close()
  expect((await readRatings(file)).map(({ rater }) => rater)).toEqual(['Zoë'])
  await expect(rateServer({ pairs, file, port: 99_999 })).rejects.toMatchObject({ kind: 'usage' })
})

test('the same answers to the same question in two suites are one pair', () => {
  const run = (output: string): RunReport => ({
    format: 'qt-eval-1',
    model: output,
    modelId: output,
    seed: 1,
    suites: ['tools', 'quality'].map((name) => ({
      name,
      metrics: [],
      items: ['1', '2'].map((id) => ({ id, scores: {}, prompt: `Question ${id}`, output, seconds: 1 })),
      total: 2,
    })),
    tokens: 1,
    seconds: 1,
    peakMemory: 1,
  })
  expect(ratedPairs(run('old'), run('new')).map(({ id }) => id.split(' ').slice(0, 2))).toEqual([
    ['tools', '1'],
    ['tools', '2'],
  ])
})

test('ratings belong to a pair of answers, so that other runs in the same file do not count', () => {
  const run = (output: string): RunReport => ({
    format: 'qt-eval-1',
    model: output,
    modelId: output,
    seed: 1,
    suites: [{ name: 's', metrics: [], items: [{ id: '1', scores: {}, output, seconds: 1 }], total: 1 }],
    tokens: 1,
    seconds: 1,
    peakMemory: 1,
  })
  const ids = ['dull', 'vivid', 'vivid'].map((text, i) => ratedPairs(run(`old ${i > 1}`), run(text))[0]!.id)
  expect(new Set(ids).size).toBe(3)
  expect(ratedPairs(run('old'), run('new'))).toEqual(ratedPairs(run('old'), run('new')))
  expect(() => ratedPairs(run('same'), run('same'))).toThrow(expect.objectContaining({ code: 'EVAL_NOTHING_IN_COMMON' }))
})

test('a judge rates beside people, goes on where it was, and stops at its limit', async () => {
  const file = join(folder, 'judged.jsonl')
  const rubric = await loadRubric('quality')
  const fond = scriptedModel(({ content }) => (/Answer A:\s+<b>vivid/.test(content) ? 'Better: A' : 'Better: B'), 'fond')
  const first = await judgePairs(fond, pairs, { rubric, file, limits: { tokens: 1 } })
  expect(first).toMatchObject({ judged: 1, consistent: 1, stopped: 'the limit of 1 tokens' })
  expect(await judgePairs(fond, pairs, { rubric, file })).toMatchObject({ judged: 7, consistent: 7 })
  expect(fond.asked).toHaveLength(16)
  expect(JSON.stringify(fond.asked[0])).toContain('Question 0')
  const biased = scriptedModel(() => 'Better: A', 'biased')
  expect(await judgePairs(biased, pairs, { rubric, file })).toMatchObject({ judged: 8, consistent: 0 })
  expect(summariseRatings(await readRatings(file))).toMatchObject({
    raters: ['biased', 'fond'],
    b: 8,
    equal: 8,
    verdict: 'better',
    agreement: { share: 0 },
  })
})

test('sides are drawn evenly and differ between raters', () => {
  const draws = (rater: string) => Array.from({ length: 400 }, (_, i) => isSwapped(1, rater, i))
  expect(Math.abs(draws('Ann').filter(Boolean).length - 200)).toBeLessThan(50)
  expect(draws('Ann')).not.toEqual(draws('Ben'))
})
