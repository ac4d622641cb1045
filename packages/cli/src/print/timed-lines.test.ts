import { expect, test } from 'vitest'
import { timedLines } from './timed-lines.js'

test('every line begins with the time, however it arrives', () => {
  let written = ''
  const write = timedLines(
    (text) => {
      written += text
    },
    () => new Date(0),
  )
  for (const text of ['one\ntwo\n', 'th', 'ree', '\n', '', 'four\n\n']) write(text)
  const time = '1970-01-01T00:00:00.000Z  '
  expect(written).toBe(`${time}one\n${time}two\n${time}three\n${time}four\n${time}\n`)
})
