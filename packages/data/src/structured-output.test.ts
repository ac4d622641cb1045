import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseStructuredOutput, printStructuredOutput } from './structured-output.js'

const printed = (output: unknown): unknown => {
  const parts = parseStructuredOutput(output)
  return parts && printStructuredOutput(parts)
}

test('metadata in a comment at the end is found, as JSON and as lines', () => {
  const json = 'Use camelCase.\n\n<!-- metadata: {"confidence": 0.9} -->\n'
  expect(parseStructuredOutput(json)).toMatchObject({ content: 'Use camelCase.', metadata: { confidence: 0.9 }, form: 'comment' })
  const list = 'Ja <!-- a --> und\n<!--\npreservation_level: strict\nrule_compliance: [rule:naming, "rule:tests"]\n-->'
  expect(parseStructuredOutput(list)).toMatchObject({
    content: 'Ja <!-- a --> und',
    metadata: { preservation_level: 'strict', rule_compliance: ['rule:naming', 'rule:tests'] },
  })
  for (const text of ['<!-- just a remark -->', 'a -->', '<!-->', '', 'See <!-- b: 1 --> there'])
    expect(parseStructuredOutput(text)).toEqual({ content: text, form: 'text' })
  expect([printed(json), printed(list)]).toEqual([json, list])
})

test('metadata that was changed is written so that it can be read again', () => {
  const parts = parseStructuredOutput('Yes <!-- confidence: 0.5 -->')!
  const changed = printStructuredOutput({ ...parts, metadata: { note: 'a --> b' } })
  expect(parseStructuredOutput(changed)).toMatchObject({ content: 'Yes', metadata: { note: 'a --> b' } })
})

test('printing what was parsed gives the same answer, whatever it is', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom('<!--', '-->', ' metadata: ', '{"a": 1}', 'a: 1', '\n', '  '))
  const text = fc.array(piece).map((pieces) => pieces.join(''))
  const object = fc.record(
    { content: text, context_window: fc.jsonValue(), metadata: fc.jsonValue(), note: fc.jsonValue() },
    { requiredKeys: ['content'] },
  )
  fc.assert(
    fc.property(fc.oneof(text, object), (output) => {
      expect(printed(output)).toEqual(output)
    }),
  )
})

test('a long run of spaces is no reason to wait', () => {
  const long = `a${' '.repeat(1_000_000)}b -->`
  expect(parseStructuredOutput(long)).toEqual({ content: long, form: 'text' })
})
