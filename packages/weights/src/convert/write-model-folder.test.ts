import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixture, temporaryFolder } from '../../test/files.js'
import { decodeBlocks } from '../blocks/decode.js'
import { readGguf } from '../gguf/read.js'
import { openModel } from '../model/open-model.js'
import { readSafetensors } from '../safetensors/read.js'
import { writeModelFolder } from './write-model-folder.js'

/** The fixture's weights in memory, in the row order of its GGUF. */
async function inMemory() {
  const source = await openModel(fixture('tiny-llama.gguf'))
  const gguf = await readGguf(fixture('tiny-llama.gguf'))
  const tensors = await Promise.all(
    [...source.tensors.values()].map(async ({ name, type, shape }) => {
      const values = decodeBlocks(type, await gguf.read(name))
      return { name, shape, values: () => values }
    }),
  )
  return { source, description: source.description, tensors, ids: { bos: 0, eos: 1, pad: 2 } }
}

describe('writeModelFolder', () => {
  it('writes weights that lie in the row order of a GGUF as Hugging Face has them', async () => {
    const folder = `${temporaryFolder()}/model`
    await writeModelFolder(folder, await inMemory())
    const [written, original] = [
      await readSafetensors(`${folder}/model.safetensors`),
      await readSafetensors(fixture('tiny-llama/model.safetensors')),
    ]
    expect([...written.tensors.keys()].sort()).toEqual([...original.tensors.keys()].sort())
    for (const name of original.tensors.keys())
      expect(Buffer.compare(await written.read(name), await original.read(name))).toBe(0)
    expect((await openModel(folder)).spec).toEqual((await openModel(fixture('tiny-llama'))).spec)
    expect(JSON.parse(await readFile(`${folder}/config.json`, 'utf8'))).toMatchObject({ bos_token_id: 0, eos_token_id: 1 })
  })

  it('takes the tokenizer of its base along, or another one', async () => {
    const folder = `${temporaryFolder()}/model`
    const model = await inMemory()
    await writeModelFolder(folder, model)
    expect(await readdir(folder)).toEqual(['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'])
    await writeModelFolder(folder, { ...model, source: undefined, tokenizerFile: fixture('tiny-llama/tokenizer.json') })
    expect(await readFile(`${folder}/tokenizer.json`)).toEqual(await readFile(fixture('tiny-llama/tokenizer.json')))
  })
})
