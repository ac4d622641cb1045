import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { shellWord } from './shell-word.js'

test('a shell reads every word as it was, and plain ones stay plain', () => {
  expect(['models/a.gguf', 'owner/name@v1:b.gguf', '--lr=1e-4'].map(shellWord).join(' ')).not.toContain("'")
  const words = ['my game', "it's", '$HOME', 'a;b', '*', '~', '', 'ü"\\n']
  const echoed = execFileSync('sh', ['-c', `printf '%s\\n' ${words.map(shellWord).join(' ')}`], { encoding: 'utf8' })
  expect(echoed.split('\n').slice(0, -1)).toEqual(words)
})
