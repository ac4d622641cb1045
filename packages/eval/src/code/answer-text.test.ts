import { expect, test } from 'vitest'
import { codeBlocks, codeIn, cutAt } from './answer-text.js'

test('an answer ends before the first stop', () => {
  expect(cutAt('a\ndef b', ['\nclass', '\ndef'])).toBe('a')
  expect(cutAt('a', ['\ndef'])).toBe('a')
  expect(cutAt('x\nif\ndef', ['\ndef', '\nif'])).toBe('x')
})

test('blocks are found with any fence, closed or not', () => {
  expect(codeBlocks('Here:\n```python\ndef f():\n    pass\n```\nand ~~~ no\n~~~\nx\n~~~')).toEqual(['def f():\n    pass', 'x'])
  expect(codeBlocks('```\nunclosed\nstill')).toEqual(['unclosed\nstill'])
  expect(codeBlocks('````md\n```\ninner\n```\n````')).toEqual(['```\ninner\n```'])
  expect(codeBlocks('inline ``` is none')).toEqual([])
})

test('the block that is asked for wins, then the longest, then the text', () => {
  const answer = '```sh\npip install everything and more\n```\n```python\ndef f(): 1\n```'
  expect(codeIn(answer, /def f\(/)).toBe('def f(): 1')
  expect(codeIn(answer)).toBe('pip install everything and more')
  expect(codeIn('def f(): 1')).toBe('def f(): 1')
})
