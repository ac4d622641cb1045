import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeSuite } from './load.js'

let file = ''
beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'qt-suite-')), 'ours.yaml')
})
afterAll(() => rm(join(file, '..'), { recursive: true, force: true }))

const unitTests = `
- { id: a, language: python, code: x = 1, mutants: [["1", "2"]], reference: assert x == 1, wrong: [pass] }
`

test('problems of your own are read like those that are here', async () => {
  await writeFile(file, unitTests)
  expect(await codeSuite('unit-tests', file)).toMatchObject([{ id: 'a', suite: 'unit-tests', reference: 'assert x == 1' }])
})

test.each([
  ['unit-tests', '- [', 1, 'not valid YAML'],
  ['unit-tests', 'a: 1', undefined, 'not a list'],
  ['unit-tests', `${unitTests}\n- 7\n`, 4, 'Problem 2, the whole'],
  ['unit-tests', unitTests.replace('wrong', 'worse'), 2, 'Problem 1'],
  ['unit-tests', unitTests.replace('["1"', '["3"'), 2, 'mutants.0: "3" does not stand in the code exactly once'],
  [
    'documentation',
    '- { id: a, language: python, name: f, code: "1", parameters: [], facts: [["("]], forbidden: [], reference: a, wrong: [b] }',
    1,
    'facts.0.0: is no regular expression',
  ],
] as const)('a mistake in %s is named with its place: %j', async (suite, text, line, said) => {
  await writeFile(file, text)
  const place = { code: 'EVAL_DATA_INVALID', where: { file, ...(line === undefined ? {} : { line }) } }
  await expect(codeSuite(suite, file)).rejects.toMatchObject({ ...place, message: expect.stringContaining(said) })
})
