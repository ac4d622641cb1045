import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { askTemplate } from './ask-template.js'

/** Streams that say they are a terminal, and what was written. */
function terminal() {
  const [input, output] = [new PassThrough(), new PassThrough()]
  let shown = ''
  output.setEncoding('utf8').on('data', (text: string) => {
    shown += text
  })
  return { input: Object.assign(input, { isTTY: true }), output: Object.assign(output, { isTTY: true }), shown: () => shown }
}

test.each([
  ['2\n', 'coding-rules'],
  [' chat \n', 'chat'],
])('%j is an answer', async (answer, template) => {
  const { input, output, shown } = terminal()
  const asked = askTemplate({ input, output })
  input.write(answer)
  expect(await asked).toBe(template)
  expect(shown()).toContain('Which template?')
})

test.each([
  ['the end of the input', (input: PassThrough) => input.end()],
  ['Ctrl-D', (input: PassThrough) => input.write('\u0004')],
  ['Ctrl-C', (input: PassThrough) => input.write('\u0003')],
])('%s is an interruption', async (_, leave) => {
  const { input, output } = terminal()
  const asked = askTemplate({ input, output })
  leave(input)
  await expect(asked).rejects.toSatisfy(
    (error: Error) => error.name === 'AbortError' || ('kind' in error && error.kind === 'interrupted'),
  )
})
