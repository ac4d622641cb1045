import { readFileSync } from 'node:fs'
import { copyFile, readdir, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixture, temporaryFolder } from '../../test/files.js'
import { readSafetensors } from './read.js'
import { readSharded } from './read-sharded.js'
import { writeSafetensors } from './write.js'

const model = fixture('tiny-llama/model.safetensors')

describe('safetensors', () => {
  it('copies every tensor to the same bytes', async () => {
    const path = `${temporaryFolder()}/copy.safetensors`
    const source = await readSafetensors(model)
    const tensors = [...source.tensors.values()].map((tensor) => ({ ...tensor, data: () => source.stream(tensor.name) }))
    await writeSafetensors(path, tensors, { metadata: { format: 'pt', note: 'é' } })
    const copy = await readSafetensors(path)
    expect([...copy.tensors.keys()]).toEqual([...source.tensors.keys()])
    for (const name of source.tensors.keys()) expect(Buffer.compare(await copy.read(name), await source.read(name))).toBe(0)
    expect(copy.metadata.get('note')).toBe('é')
  })

  it('aligns the data for readers that map the file', async () => {
    const path = `${temporaryFolder()}/one.safetensors`
    await writeSafetensors(path, [{ name: 'w', dtype: 'F32', shape: [2], data: new Uint8Array(8) }])
    expect((await readSafetensors(path)).tensors.get('w')!.offset % 8).toBe(0)
  })

  it('reads shards through their index', async () => {
    const folder = temporaryFolder()
    await copyFile(model, `${folder}/model-00001-of-00001.safetensors`)
    const names = [...(await readSafetensors(model)).tensors.keys()]
    const index = { weight_map: Object.fromEntries(names.map((name) => [name, 'model-00001-of-00001.safetensors'])) }
    await writeFile(`${folder}/model.safetensors.index.json`, JSON.stringify(index))
    expect([...(await readSharded(folder)).keys()]).toEqual(names)
  })

  it('opens no file outside the folder, whatever the index says', async () => {
    const folder = temporaryFolder()
    await writeFile(`${folder}/model.safetensors.index.json`, JSON.stringify({ weight_map: { w: '../../secret.safetensors' } }))
    await expect(readSharded(folder)).rejects.toMatchObject({ code: 'INDEX_INVALID' })
  })

  it('leaves the old file when writing fails', async () => {
    const folder = temporaryFolder()
    const path = `${folder}/model.safetensors`
    await copyFile(model, path)
    const data = async function* () {
      yield new Uint8Array(4)
      throw new Error('disk on fire')
    }
    await expect(writeSafetensors(path, [{ name: 'w', dtype: 'F32', shape: [2], data }])).rejects.toThrow('disk on fire')
    expect(readFileSync(path).equals(readFileSync(model))).toBe(true)
    expect(await readdir(folder)).toEqual(['model.safetensors'])
  })
})

it('reads some bytes of a tensor, and none beyond it', async () => {
  const file = await readSafetensors(fixture('tiny-llama/model.safetensors'))
  const [name] = [...file.tensors.keys()]
  const whole = await file.read(name!)
  expect(await file.readPart(name!, 6, 10)).toEqual(whole.slice(6, 16))
  await expect(file.readPart(name!, 6, whole.length)).rejects.toThrow(RangeError)
})
