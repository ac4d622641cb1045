import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hubServer } from '../../weights/test/hub-server.js'
import { humanEval } from '../src/code/human-eval.js'
import { mbpp } from '../src/code/mbpp.js'
import { loadTask } from '../src/task/load-task.js'
import { textModel } from './text-model.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

let cache = ''
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'qt-hub-'))
  vi.stubEnv('HF_HUB_CACHE', cache)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(cache, { recursive: true, force: true })
})

/** A hub with one dataset, whose files are those of the fixtures. */
async function hub(name: string, files: Readonly<Record<string, string>>) {
  const contents = await Promise.all(
    Object.entries(files).map(async ([path, file]) => [path, await readFile(new URL(`./fixtures/hub/${file}`, import.meta.url))]),
  )
  const server = await hubServer({ name, kind: 'dataset', files: Object.fromEntries(contents) })
  vi.stubEnv('HF_ENDPOINT', server.endpoint)
  return server
}

describe('public data by name, and again without the hub', () => {
  test('HumanEval', async () => {
    const server = await hub('openai/openai_humaneval', {
      'openai_humaneval/test-00000-of-00001.parquet': 'humaneval.parquet',
    })
    const tasks = await humanEval()
    expect(tasks.map(({ id, reference }) => [id, reference])).toEqual([
      ['HumanEval/next', 'def next(x):\n    """1 more than x."""\n    return x + 1\n'],
      ['HumanEval/later', 'def later(x):\n    """2 more than x."""\n    return x + 2\n'],
    ])
    await server.close()
    expect((await humanEval()).map(({ id }) => id)).toEqual(tasks.map(({ id }) => id))
  })

  test('MBPP with the examples of the paper, from another of its splits', async () => {
    await hub('google-research-datasets/mbpp', {
      'full/prompt-00000-of-00001.parquet': 'mbpp-prompt.parquet',
      'full/test-00000-of-00001.parquet': 'mbpp-test.parquet',
      'sanitized/test-00000-of-00001.parquet': 'arc.parquet',
    })
    const tasks = await mbpp()
    expect(tasks.map(({ id }) => id)).toEqual(['MBPP/11', 'MBPP/12', 'MBPP/510'])
    const { prompt } = tasks[0]!.ask('base')
    expect(prompt).toMatch(/adds 2\..*adds 3\..*adds 4\..*adds 11\./s)
  })

  test.each([
    [
      'arc-easy',
      'allenai/ai2_arc',
      { 'ARC-Easy/test-00000-of-00001.parquet': 'arc.parquet', 'ARC-Easy/train.parquet': 'boolq.parquet' },
      'ice',
    ],
    ['boolq', 'aps/super_glue', { 'boolq/validation-00000-of-00001.parquet': 'boolq.parquet' }, 'yes'],
  ] as const)('the task %s', async (task, name, files, expected) => {
    const server = await hub(name, files)
    const model = textModel(() => ({ logLikelihood: -1, greedy: true }))
    const { items } = await loadTask(task)
    expect(items).toHaveLength(1)
    expect(await items[0]!.measure(model, { seed: 1 })).toMatchObject({ expected })
    await server.close()
    expect((await loadTask(task)).items.map(({ id }) => id)).toEqual(items.map(({ id }) => id))
  })
})

test('where the hub cannot be reached, the file that can be given instead is named', async () => {
  vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:9')
  for (const [load, flag] of [
    [() => humanEval(), '--data humaneval=FILE'],
    [() => mbpp(), '--data mbpp=FILE'],
    [() => loadTask('hellaswag'), '--task hellaswag=FILE'],
  ] as const)
    await expect(load()).rejects.toMatchObject({
      code: 'EVAL_DATA_UNREACHABLE',
      actions: [{ label: expect.stringContaining(flag) }, { label: expect.stringContaining('Check the network') }, {}],
    })
})

test('a Parquet file that is no benchmark is refused by row and field', async () => {
  const file = new URL('./fixtures/hub/boolq.parquet', import.meta.url).pathname
  await expect(humanEval(file)).rejects.toMatchObject({ code: 'EVAL_DATA_INVALID', where: { file, row: 1 } })
})
