import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { temporaryFolder } from './files.js'

const program = `
import { writeFile } from 'node:fs/promises'
import { replaceFile } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
await replaceFile(process.argv[1], async (temporary) => {
  await writeFile(temporary, 'half')
  console.log(temporary)
  process.exit(0)
})
`

it('leaves nothing of a file whose process ends before it is whole', async () => {
  const folder = temporaryFolder()
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program, join(folder, 'file')]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: new URL('..', import.meta.url) })
  expect(stdout).toContain(join(folder, 'file.'))
  expect(await readdir(folder)).toEqual([])
})
