import { expect, test } from 'vitest'
import { allExamples, checkExamples } from '../src/examples.js'

const examples = await allExamples()

test('every example in a doc comment of a public function compiles against what is published', async () => {
  expect(examples.length).toBeGreaterThan(30)
  expect(await checkExamples(examples)).toEqual([])
})

test('an example that calls something that is not there is found', async () => {
  const wrong = { file: 'x.ts', line: 10, code: 'parseConfig({})\nparseConfg({})', package: '@qt/core', exported: [] }
  expect(await checkExamples([wrong])).toEqual(["x.ts:11  Cannot find name 'parseConfg'. Did you mean 'parseConfig'?"])
})
