import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFloats, readGguf, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { loadQuantMethod } from './load-method.js'
import { quantize } from './quantize.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-method-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

const source = (name: string, type: string) => `{
  name: '${name}', ${type} blockSize: 32, blockBytes: 34,
  encode(values, out) { values.forEach((value, i) => { out[Math.floor(i / 32) * 34 + 2 + (i % 32)] = value > 0 ? 1 : 255 }) ; for (let at = 1; at < out.length; at += 34) out[at] = 0x3c },
  decode(blocks, out) { out.forEach((_, i) => { out[i] = blocks[Math.floor(i / 32) * 34 + 2 + (i % 32)] === 1 ? 1 : -1 }) },
}`
async function module(code: string): Promise<string> {
  const path = join(folder, 'method.mjs')
  await writeFile(path, code)
  return path
}

describe('loadQuantMethod', () => {
  it('takes the default export, or the only method', async () => {
    const path = await module(`export const a = ${source('A', '')}\nexport default ${source('B', '')}`)
    expect((await loadQuantMethod(path)).name).toBe('B')
    const only = join(folder, 'only.mjs')
    await writeFile(only, `export const other = 1\nexport const a = ${source('A', '')}`)
    expect((await loadQuantMethod(only)).name).toBe('A')
  })

  it('says what is missing', async () => {
    for (const place of [join(folder, 'none.mjs'), '@qt/no-such-package', await module('export const a = 1')])
      await expect(loadQuantMethod(place)).rejects.toMatchObject({ code: 'QUANT_METHOD_MISSING', where: { file: place } })
  })

  it('names the file that is not there', async () => {
    const path = join(folder, 'none.mjs')
    await expect(loadQuantMethod(path)).rejects.toThrow(`There is no file ${path}.`)
    await expect(loadQuantMethod('./none.js')).rejects.toThrow(`There is no file ${join(process.cwd(), 'none.js')}.`)
  })

  it.each(['"./method.js"', '{ "import": "./method.js" }', '{ ".": { "require": "./method.cjs", "import": "./method.js" } }'])(
    'finds packages of the working folder, of exports %s',
    async (exports) => {
      const place = join(folder, 'node_modules/@me/my-method')
      await mkdir(place, { recursive: true })
      await writeFile(join(place, 'package.json'), `{ "name": "@me/my-method", "type": "module", "exports": ${exports} }`)
      await writeFile(join(place, 'method.cjs'), `module.exports = { default: ${source('OLD', '')} }`)
      await writeFile(join(place, 'method.js'), `export default ${source('MINE', '')}`)
      await expect(loadQuantMethod('@me/my-method')).rejects.toMatchObject({ code: 'QUANT_METHOD_MISSING' })
      vi.spyOn(process, 'cwd').mockReturnValue(folder)
      expect((await loadQuantMethod('@me/my-method')).name).toBe('MINE')
    },
  )

  it('quantises files with an encoder of a GGUF type', async () => {
    const method = await loadQuantMethod(await module(`export default ${source('SIGNS', "type: 'Q8_0',")}`))
    const [input, output] = [join(folder, 'in.gguf'), join(folder, 'out.gguf')]
    const values = Float32Array.from({ length: 128 }, (_, i) => (i % 3 === 0 ? -0.5 : 0.25))
    await writeGguf(input, {
      metadata: new Map(),
      tensors: [{ name: 'a.weight', type: 'F32', shape: [2, 64], data: encodeFloats('F32', values) }],
    })
    const result = await quantize(input, output, { method, sync: false })
    expect(result).toMatchObject({ type: 'Q8_0', engine: 'reference' })
    const { type, tensors } = { type: result.type, tensors: (await readGguf(output)).tensors }
    expect([type, tensors.get('a.weight')?.type]).toEqual(['Q8_0', 'Q8_0'])
    const blocks = await (await readGguf(output)).read('a.weight')
    expect([...blocks.subarray(0, 6)]).toEqual([0, 0x3c, 255, 1, 1, 255])
  })
})
