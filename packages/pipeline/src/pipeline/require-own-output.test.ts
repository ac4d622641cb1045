import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadPipelineConfig } from './load-config.js'
import { requireOwnOutput } from './require-own-output.js'

let work: string
let game: string
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'qt-output-'))
  game = join(work, 'game')
  for (const folder of ['scenarios', 'held-out', 'train', 'data/train', 'output'])
    await mkdir(join(game, folder), { recursive: true })
  await symlink(join(game, 'scenarios'), join(work, 'link'))
})
afterEach(() => rm(work, { recursive: true }))

const check = async (yaml: string, base?: string) => {
  await writeFile(join(game, 'pipeline.yaml'), yaml)
  await requireOwnOutput(await loadPipelineConfig(game, { base }))
}

test.each([
  ['data: { scenarios: train }\noutput: .\n', 'the folder of pipeline.yaml', 2],
  ['output: ..\n', 'the folder of pipeline.yaml', 1],
  ['data:\n  scenarios: data/train\noutput: data\n', 'data.scenarios', 3],
  ['output: scenarios\n', 'data.scenarios', 1],
  ['output: ../link\n', 'data.scenarios', 1],
  ['data: { heldOut: output/held }\n', 'data.heldOut', undefined],
  ['data: { tools: output/tools.json }\n', 'data.tools', undefined],
  ['base: ./output/train/model\n', 'the base', undefined],
])('an output that holds what is read is refused: %j', async (yaml, what, line) => {
  await expect(check(yaml)).rejects.toMatchObject({
    code: 'PIPELINE_OUTPUT_SHARED',
    kind: 'usage',
    message: expect.stringContaining(what),
    where: { file: join(game, 'pipeline.yaml'), field: 'output', ...(line === undefined ? {} : { line }) },
  })
})

test('the base of the command line counts, too', async () => {
  await expect(check('', join(game, 'output', 'model-f16.gguf'))).rejects.toThrow('the base')
})

test.each(['', 'output: ../out\n', 'output: ..out\n', 'data: { scenarios: . }\n', 'base: output/model\noutput: models\n'])(
  'a folder of its own is taken, whatever lies around it: %j',
  (yaml) => check(yaml),
)
