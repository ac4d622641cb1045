import { lstat, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/files.js'
import { hubServer } from '../../test/hub-server.js'
import { isDatasetReference, resolveDataset } from './resolve-dataset.js'

const bytes = (text: string) => new TextEncoder().encode(text)
const files = {
  'README.md': bytes('# About'),
  'dataset_infos.json': bytes('{}'),
  'main/train.jsonl': bytes(`${JSON.stringify({ question: 'a', answer: 'b' })}\n`.repeat(5000)),
  'main/test.jsonl': bytes('{"question":"c","answer":"d"}\n'),
  'socratic/train.jsonl': bytes('{"question":"e","answer":"f"}\n'),
  'build.py': bytes('raise SystemExit'),
}
const large = ['main/train.jsonl']
const names = (paths: readonly string[]) => paths.map((path) => path.replace(/^.*\/snapshots\/[^/]+\//, ''))

describe('resolveDataset', () => {
  it("takes the data files into the hub's cache layout, by folder, file and pattern", async () => {
    const hub = await hubServer({ kind: 'dataset', files, large })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    const all = await resolveDataset('hf://datasets/owner/name', options)
    expect(names(all)).toEqual(['main/test.jsonl', 'main/train.jsonl', 'socratic/train.jsonl'])
    expect(all[0]).toBe(`${options.cacheDir}/datasets--owner--name/snapshots/${hub.commit}/main/test.jsonl`)
    expect((await lstat(all[1]!)).isSymbolicLink()).toBe(true)
    expect(new Uint8Array(await readFile(all[1]!))).toEqual(files['main/train.jsonl'])
    expect(await readFile(`${options.cacheDir}/datasets--owner--name/refs/main`, 'utf8')).toBe(hub.commit)
    expect(names(await resolveDataset('hf:owner/name@v1/main', options))).toEqual(['main/test.jsonl', 'main/train.jsonl'])
    expect(names(await resolveDataset('hf://datasets/owner/name/**/train.*', options))).toEqual([
      'main/train.jsonl',
      'socratic/train.jsonl',
    ])
    expect(names(await resolveDataset('hf://datasets/owner/name/socratic/train.jsonl', options))).toEqual([
      'socratic/train.jsonl',
    ])
    await expect(resolveDataset('hf://datasets/owner/name/none', options)).rejects.toMatchObject({ code: 'HUB_NO_DATA' })
  })

  it('keeps what a folder called all has apart from all there is', async () => {
    const hub = await hubServer({ kind: 'dataset', files: { 'all/a.jsonl': bytes('{}\n'), 'b.jsonl': bytes('{}\n') } })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    const everything = await resolveDataset('hf:owner/name', options)
    const folder = await resolveDataset('hf:owner/name/all', options)
    await hub.close()
    expect(names(everything)).toEqual(['all/a.jsonl', 'b.jsonl'])
    expect(await resolveDataset('hf:owner/name', options)).toEqual(everything)
    expect(await resolveDataset('hf:owner/name/all', options)).toEqual(folder)
  })

  it('prefers Parquet where the data is there in several forms', async () => {
    const hub = await hubServer({ kind: 'dataset', files: { 'a.csv': bytes('x\n1\n'), 'data/a.parquet': bytes('PAR1') } })
    const found = await resolveDataset('hf:owner/name', { endpoint: hub.endpoint, cacheDir: temporaryFolder() })
    expect(names(found)).toEqual(['data/a.parquet'])
  })

  it('continues where it was cut, downloads nothing twice, and works offline for what it has', async () => {
    const hub = await hubServer({ kind: 'dataset', files, large })
    const options = { endpoint: hub.endpoint, cacheDir: temporaryFolder() }
    hub.cut('main/train.jsonl', 20_000)
    await expect(resolveDataset('hf:owner/name/main', options)).rejects.toMatchObject({ code: 'HUB_INTERRUPTED' })
    const found = await resolveDataset('hf:owner/name/main', options)
    expect(hub.log).toContain('GET storage/main%2Ftrain.jsonl bytes=20000-')
    const downloads = () => hub.log.filter((line) => line.startsWith('GET storage') || /^GET .*\/resolve\//.test(line)).length
    const before = downloads()
    const pinned = `hf:owner/name@${hub.commit}/main`
    expect(await resolveDataset(pinned, options)).toEqual(found)
    expect(downloads()).toBe(before)
    await hub.close()
    expect(await resolveDataset('hf:owner/name/main', options)).toEqual(found)
    expect(await resolveDataset(pinned, options)).toEqual(found)
    await expect(resolveDataset('hf:owner/name/socratic', options)).rejects.toMatchObject({ code: 'HUB_UNREACHABLE' })
  })

  it('refuses what is no name of a dataset', async () => {
    for (const wrong of ['hf://datasets/owner', 'hf:../x', 'hf:owner/name/../../etc', 'hf:'])
      await expect(resolveDataset(wrong), wrong).rejects.toMatchObject({ code: 'REFERENCE_UNKNOWN' })
    expect([isDatasetReference('hf:a/b'), isDatasetReference('data/hf')]).toEqual([true, false])
  })
})
