import { expect, test } from 'vitest'
import { command, tail } from '../src/command.js'

test('the root of @qt/core can be bundled for a browser: nothing of Node is in it', async () => {
  const args = [
    'packages/core/dist/index.js',
    '--bundle',
    '--format=esm',
    '--platform=browser',
    '--outfile=/dev/null',
    '--allow-overwrite',
  ]
  const bundled = await command('esbuild', args)
  expect(bundled.code, tail(bundled)).toBe(0)
  const node = await command('esbuild', args.with(0, 'packages/core/dist/node/index.js'))
  expect(node.code).not.toBe(0)
  expect(node.stderr).toContain('node:fs')
})
