import { readFileSync } from 'node:fs'
import { lstat, readdir, readFile, stat } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixture, temporaryFolder } from '../../test/files.js'
import { hubServer } from '../../test/hub-server.js'
import { openModel } from '../model/open-model.js'
import { parseReference } from './reference.js'
import { type ResolveProgress, resolve } from './resolve.js'

const names = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'] as const
const model = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(fixture(`tiny-llama/${name}`)))]))
const files = {
  ...model,
  'README.md': new Uint8Array(9),
  'pytorch_model.bin': new Uint8Array(9),
  'onnx/model.onnx': new Uint8Array(9),
}
const large = ['model.safetensors']

describe('resolve', () => {
  it('leaves a local path as it is', async () => {
    expect(await resolve(fixture('tiny-llama'), { endpoint: 'http://127.0.0.1:1' })).toBe(fixture('tiny-llama'))
  })

  it('says that a path is missing when it cannot be a hub id', async () => {
    await expect(resolve('models/none.gguf')).rejects.toMatchObject({ code: 'REFERENCE_UNKNOWN' })
    await expect(resolve('./a/b/c')).rejects.toMatchObject({ code: 'REFERENCE_UNKNOWN' })
  })

  it("downloads what a model needs into the hub's cache layout", async () => {
    const hub = await hubServer({ files, large })
    const cacheDir = temporaryFolder()
    const progress: ResolveProgress[] = []
    const folder = await resolve('owner/name', { endpoint: hub.endpoint, cacheDir, onProgress: (event) => progress.push(event) })
    expect(folder).toBe(`${cacheDir}/models--owner--name/snapshots/${hub.commit}`)
    expect((await readdir(folder)).sort()).toEqual([...names].sort())
    expect((await lstat(`${folder}/model.safetensors`)).isSymbolicLink()).toBe(true)
    expect(await readFile(`${cacheDir}/models--owner--name/refs/main`, 'utf8')).toBe(hub.commit)
    expect((await openModel(folder)).spec.layers).toBe(2)
    const size = model['model.safetensors']!.length
    expect(progress.filter(({ file }) => file === 'model.safetensors').at(-1)).toMatchObject({ done: size, total: size })
  })

  it('downloads nothing twice, and works without a network afterwards', async () => {
    const hub = await hubServer({ files, large })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    const folder = await resolve('owner/name@v1', options)
    const before = hub.log.filter((line) => line.startsWith('GET storage')).length
    expect(await resolve('owner/name@v1', options)).toBe(folder)
    expect(hub.log.filter((line) => line.startsWith('GET storage')).length).toBe(before)
    await hub.close()
    expect(await resolve('owner/name@v1', options)).toBe(folder)
    await expect(resolve('owner/name@v2', options)).rejects.toMatchObject({ code: 'HUB_UNREACHABLE' })
  })

  it('takes a single file, also in a folder', async () => {
    const hub = await hubServer({ files, large })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    const path = await resolve('owner/name:onnx/model.onnx', options)
    expect(path.endsWith(`snapshots/${hub.commit}/onnx/model.onnx`)).toBe(true)
    expect((await stat(path)).size).toBe(9)
  })

  it('continues an interrupted download where it stopped', async () => {
    const hub = await hubServer({ files, large })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    hub.cut('model.safetensors', 50_000)
    await expect(resolve('owner/name', options)).rejects.toMatchObject({ code: 'HUB_INTERRUPTED' })
    const folder = await resolve('owner/name', options)
    expect(hub.log).toContain('GET storage/model.safetensors bytes=50000-')
    expect(readFileSync(`${folder}/model.safetensors`).equals(model['model.safetensors']!)).toBe(true)
  })

  it('lets several processes download the same at the same time, and go on with what one of them left', async () => {
    const hub = await hubServer({ files, large })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    hub.cut('model.safetensors', 50_000)
    await expect(resolve('owner/name', options)).rejects.toMatchObject({ code: 'HUB_INTERRUPTED' })
    const folders = await Promise.all(Array.from({ length: 6 }, () => resolve('owner/name', options)))
    expect(new Set(folders).size).toBe(1)
    for (const name of names) expect(readFileSync(`${folders[0]}/${name}`).equals(model[name]!), name).toBe(true)
    expect((await readdir(`${options.cacheDir}/models--owner--name/blobs`)).length).toBe(names.length)
  })

  it('notices damage by the checksum and starts again', async () => {
    const hub = await hubServer({ files, large })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    hub.damage('model.safetensors')
    await expect(resolve('owner/name', options)).rejects.toMatchObject({ code: 'HUB_CHECKSUM' })
    const folder = await resolve('owner/name', options)
    expect(readFileSync(`${folder}/model.safetensors`).equals(model['model.safetensors']!)).toBe(true)
  })

  it('sends the token to the hub and to nobody else', async () => {
    const hub = await hubServer({ files, large, token: 'hf_secret' })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder(), token: 'hf_secret' }
    expect((await openModel(await resolve('owner/name', options))).name).toBe('name')
  })

  it('says what to do about a gated repository', async () => {
    const hub = await hubServer({ files, gated: true, token: 'hf_secret' })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder(), token: 'hf_other' }
    await expect(resolve('owner/name', options)).rejects.toMatchObject({
      code: 'HUB_GATED',
      actions: [
        { label: `Open ${hub.endpoint}/owner/name signed in, and accept the conditions.` },
        { label: expect.stringContaining('token') },
      ],
    })
  })

  it.each([
    ['owner/other', 'does not exist'],
    ['owner/name@nowhere', 'has no such revision'],
    ['owner/name:nothing.gguf', 'has no such file'],
  ])('says what %s lacks', async (reference, message) => {
    const hub = await hubServer({ files })
    await expect(resolve(reference, { endpoint: hub.endpoint, cacheDir: temporaryFolder() })).rejects.toThrow(message)
  })

  it('takes a lone GGUF and asks which of several', async () => {
    const gguf = new Uint8Array(readFileSync(fixture('tiny-llama.gguf')))
    const one = await hubServer({ files: { 'README.md': new Uint8Array(1), 'a.gguf': gguf } })
    const path = await resolve('owner/name', { endpoint: one.endpoint, cacheDir: temporaryFolder() })
    expect((await openModel(path)).kind).toBe('gguf')
    const two = await hubServer({ files: { 'a.gguf': gguf, 'b.gguf': gguf } })
    await expect(resolve('owner/name', { endpoint: two.endpoint, cacheDir: temporaryFolder() })).rejects.toMatchObject({
      code: 'HUB_NO_MODEL',
      actions: [{ label: 'Choose one: owner/name:a.gguf' }, { label: 'Choose one: owner/name:b.gguf' }],
    })
  })

  it('writes no file outside its cache, whatever the hub lists', async () => {
    const hub = await hubServer({ files: { '../../evil/config.json': new Uint8Array(1), ...model } })
    await expect(resolve('owner/name', { endpoint: hub.endpoint, cacheDir: temporaryFolder() })).rejects.toMatchObject({
      code: 'HUB_FILE_NAME',
    })
  })

  it('stops when aborted', async () => {
    const hub = await hubServer({ files, large })
    const controller = new AbortController()
    const work = resolve('owner/name', {
      endpoint: hub.endpoint,
      cacheDir: temporaryFolder(),
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(work).rejects.toThrow('abort')
  })
})

describe('references', () => {
  it.each([
    ['owner/name', { repository: 'owner/name', revision: undefined, file: undefined }],
    ['owner/name@v1.0', { repository: 'owner/name', revision: 'v1.0', file: undefined }],
    ['owner/name@refs/pr/1:a/b.gguf', { repository: 'owner/name', revision: 'refs/pr/1', file: 'a/b.gguf' }],
    ['owner/name:model.gguf', { repository: 'owner/name', revision: undefined, file: 'model.gguf' }],
  ])('%s', (text, expected) => {
    expect(parseReference(text)).toEqual(expected)
  })

  it.each(['name', '../name', 'a/b/c', '/a/b'])('%s is none', (text) => {
    expect(parseReference(text)).toBeUndefined()
  })

  it.each(['a/b:../c', 'a/b:/c', 'a/b:c//d'])('%s leaves the repository', (text) => {
    expect(() => parseReference(text)).toThrow('not a path inside')
  })
})
