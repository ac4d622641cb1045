import { expect, test } from 'vitest'
import { stopStrings } from './stop-strings.js'

/** What is shown when text comes in such pieces, and whether it was stopped. */
function shown(stops: string[], pieces: string[]): [text: string, stopped: boolean] {
  const filter = stopStrings(stops)
  let text = ''
  for (const piece of pieces) {
    const out = filter.push(piece)
    text += out.text
    if (out.stopped) return [text, true]
  }
  return [text + filter.end(), false]
}

test('text ends before the first stop string, however it is cut into pieces', () => {
  expect(shown(['END'], ['one EN', 'D two'])).toEqual(['one ', true])
  expect(shown(['END'], [...'one END two'])).toEqual(['one ', true])
  expect(shown(['b', 'ab'], ['xab'])).toEqual(['x', true])
})

test('what only looked like a stop string is shown', () => {
  expect(shown(['END'], ['one E', 'N', 'DURANCE'])).toEqual(['one ', true])
  expect(shown(['END!'], ['one E', 'N', 'DURANCE'])).toEqual(['one ENDURANCE', false])
  expect(shown(['aab'], [...'aaaab'])).toEqual(['aa', true])
  expect(shown(['stop'], ['wait for it: sto'])).toEqual(['wait for it: sto', false])
})

test('text passes at once when nothing could still become a stop string', () => {
  const filter = stopStrings(['\n\n'])
  expect(filter.push('one')).toEqual({ text: 'one', stopped: false })
  expect(filter.push('\n')).toEqual({ text: '', stopped: false })
  expect(filter.push('two')).toEqual({ text: '\ntwo', stopped: false })
})

test('no stop strings, or empty ones, stop nothing', () => {
  expect(shown([], ['a', 'b'])).toEqual(['ab', false])
  expect(shown([''], ['a', 'b'])).toEqual(['ab', false])
})
