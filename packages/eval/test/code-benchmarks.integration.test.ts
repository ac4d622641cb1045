import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSandbox } from '@qt/sandbox'
import { afterAll, describe, expect, test } from 'vitest'
import { type CodeTask, humanEval, mbpp } from '../src/index.js'

const shared = fileURLToPath(new URL('../../../../shared/data/code/', import.meta.url))
const [humanEvalFile, mbppFile] = [join(shared, 'HumanEval.jsonl.gz'), join(shared, 'mbpp.jsonl')]
const there = existsSync(humanEvalFile) && existsSync(mbppFile)
if (!there) console.log('skipped: HumanEval and MBPP (their data is not beside this checkout)')
const sandbox = await openSandbox({ limits: { wallSeconds: 120, cpuSeconds: 60 } }).catch((error: Error) => {
  console.log(`skipped: canonical solutions (${error.message})`)
  return undefined
})
afterAll(() => sandbox?.close())

const verdicts = (tasks: readonly CodeTask[], candidates: (task: CodeTask) => readonly string[]) =>
  Promise.all(
    tasks.flatMap((task) =>
      candidates(task).map(async (candidate) => ({
        id: task.id,
        ...(await task.verify(candidate, { executor: sandbox!, wallSeconds: 120 })),
      })),
    ),
  )

describe.skipIf(!there || !sandbox)('canonical solutions pass, wrong ones fail', () => {
  test.each([
    ['HumanEval', 164, () => humanEval(humanEvalFile)],
    ['MBPP', 500, () => mbpp(mbppFile)],
  ] as const)('%s: %i of them', { timeout: 1_800_000 }, async (name, problems, load) => {
    const tasks = await load()
    expect(tasks).toHaveLength(problems)
    const right = await verdicts(tasks, ({ reference }) => [reference])
    expect(right.filter(({ passed }) => !passed)).toEqual([])
    expect(right).toHaveLength(problems)
    const wrong = await verdicts(tasks, (task) => task.wrong)
    expect(wrong.filter(({ passed }) => passed)).toEqual([])
    expect(new Set(wrong.map(({ id }) => id)).size).toBe(problems)
    console.log(`${name}: ${right.length} of ${problems} canonical solutions pass, ${wrong.length} wrong ones fail`)
  })
})

describe.skipIf(!there)('the ways to ask', () => {
  test('HumanEval: a completion goes on with the prompt, an answer of a chat replaces it', async () => {
    const [task] = (await humanEval(humanEvalFile)).filter(({ id }) => id === 'HumanEval/38')
    const base = task!.ask('base')
    expect(base).toMatchObject({
      prompt: expect.stringContaining('def decode_cyclic'),
      stop: ['\nclass', '\ndef', '\n#', '\nif', '\nprint'],
    })
    expect(task!.candidate('    return s\n\ndef other():', 'base')).toBe(`${base.prompt}    return s\n`)
    const answer = 'Sure!\n```python\ndef decode_cyclic(s):\n    return s\n```\nAnd a call:\n```python\ndecode_cyclic("x")\n```'
    const candidate = task!.candidate(answer, 'instruct')
    expect(candidate).toContain('def encode_cyclic') // what stands before the function in the prompt
    expect(candidate.match(/def decode_cyclic/g)).toHaveLength(1)
    expect(task!.candidate('```python\n    return s\n```', 'instruct')).toBe(`${base.prompt}    return s`)
  })

  test('MBPP: three examples, or a docstring', async () => {
    const [task] = await mbpp(mbppFile)
    const { prompt, stop } = task!.ask('base')
    expect(task!.id).toBe('MBPP/11')
    expect(String(prompt).match(/\[BEGIN\]/g)).toHaveLength(4)
    expect(String(prompt).match(/\[DONE\]/g)).toHaveLength(3)
    expect(stop).toEqual(['[DONE]'])
    const [docstring] = await mbpp(mbppFile, { base: 'docstring' })
    expect(docstring!.ask('base').prompt).toMatch(
      /^"""\nWrite a python function to remove first and last occurrence[\s\S]*\nassert remove_Occ[\s\S]*\n"""\n$/,
    )
    expect(docstring!.candidate('def f(): 1\nassert f()', 'base')).toBe('def f(): 1')
  })
})

test('a file that is something else is an error that names the place', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-code-'))
  try {
    const file = join(folder, 'x.jsonl')
    for (const [text, line] of [
      ['{"task_id": "x"}', 1],
      ['\n{', 2],
      [JSON.stringify({ task_id: 'x', prompt: '', entry_point: 'f(', canonical_solution: '', test: '' }), 1],
    ] as const) {
      await writeFile(file, text)
      await expect(humanEval(file)).rejects.toMatchObject({ code: 'EVAL_DATA_INVALID', where: { file, line } })
    }
    await writeFile(file, Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]))
    await expect(mbpp(file)).rejects.toMatchObject({ code: 'EVAL_DATA_INVALID', where: { file } })
    const record = { task_id: 11, text: 'Say one.', code: 'def one():\n    return 1', test_list: ['assert one() == 1'] }
    await writeFile(file, JSON.stringify(record))
    const [task] = await mbpp(file)
    expect(task!.ask('instruct').prompt).toMatchObject([{ role: 'user', content: expect.stringContaining('Say one.') }])
    expect(() => task!.ask('base')).toThrow(expect.objectContaining({ code: 'EVAL_DATA_INVALID', where: { file } }))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
