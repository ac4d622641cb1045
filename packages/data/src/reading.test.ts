import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { QtError } from '@qt/core'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { recordsOf } from '../test/record-arbitrary.js'
import { identifyFile } from './identify-file.js'
import { readRecords } from './read-records.js'
import { csvCell, splitRow } from './reading/read-csv.js'
import { readParquetBatches } from './reading/read-parquet.js'
import { JsonSplitter } from './reading/split-json.js'

// Other work may share the machine.
vi.setConfig({ testTimeout: 180_000 })

let folder = ''
let sql: (text: string) => Promise<unknown>
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-reading-'))
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  sql = (text) => connection.run(text)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const valuesOf = async (file: string) => {
  const values = []
  for await (const { value } of readRecords(file)) values.push(value)
  return values
}

const cell = (value: unknown) => csvCell(typeof value === 'string' ? value : JSON.stringify(value))

/** Ways to write records, by the end of the file's name. */
const writers: Readonly<Record<string, (records: readonly Record<string, unknown>[]) => string | Buffer>> = {
  '.jsonl': (records) => records.map((one) => `${JSON.stringify(one)}\n`).join(''),
  '.jsonl.gz': (records) => gzipSync(records.map((one) => JSON.stringify(one)).join('\r\n')),
  '.json': (records) => JSON.stringify(records, null, 2),
  '.json.gz': (records) => gzipSync(JSON.stringify({ data: records })),
  '.ndjson': (records) => `\uFEFF${records.map((one) => JSON.stringify(one)).join('\n\n')}`,
  '.csv': (records) => table(records, ','),
  '.tsv': (records) => table(records, '\t'),
  // Without a name that says it.
  '.data': (records) => records.map((one) => `${JSON.stringify(one)}\n`).join(''),
}

function table(records: readonly Record<string, unknown>[], separator: string): string {
  const columns = [...new Set(records.flatMap((one) => Object.keys(one)))]
  const rows = records.map((one) => columns.map((name) => (one[name] === undefined ? '' : cell(one[name]))).join(separator))
  return [columns.join(separator), ...rows].join('\r\n')
}

test('a file of any layout in any container is identified, and gives back what was written', async () => {
  const layouts = Object.keys(recordsOf) as (keyof typeof recordsOf)[]
  const some = fc.constantFrom(...layouts).chain((layout) =>
    fc.record({
      layout: fc.constant(layout),
      ending: fc.constantFrom(...Object.keys(writers)),
      records: fc.array(recordsOf[layout], { minLength: 1, maxLength: 4 }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(some, async ({ layout, ending, records }) => {
      const file = join(folder, `records${ending}`)
      await writeFile(file, writers[ending]!(records))
      const identity = await identifyFile(file)
      // A structured answer cannot be told from text in a cell.
      const structured = layout === 'structured-instruction' && /^\.(csv|tsv)/.test(ending)
      expect(identity).toMatchObject({
        layout: structured ? 'alpaca' : layout,
        packing: ending.endsWith('.gz') ? 'gzip' : undefined,
        kind: { '.csv': 'csv', '.tsv': 'csv', '.json': 'json', '.json.gz': 'json', '.data': 'json' }[ending] ?? 'lines',
      })
      if (!/^\.(csv|tsv)/.test(ending)) expect(await valuesOf(file)).toEqual(records)
      else expect((await valuesOf(file)).length).toBe(records.length)
    }),
    { numRuns: 100, seed: 1 },
  )
})

test('cells of any text come back from CSV', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }),
      fc.constantFrom(',', '\t', ';'),
      (cells, separator) => {
        expect(splitRow(cells.map((one) => csvCell(one, separator)).join(separator), separator)).toEqual(cells)
      },
    ),
  )
})

test('a quotation mark that is never closed is found soon, however many follow', async () => {
  const file = join(folder, 'quotes.csv')
  const row = `${'She said ""no"" to that,and went. '.repeat(30)}\n`
  await writeFile(file, `text,more\n"a,b\n${row.repeat(20_000)}`)
  await expect(valuesOf(file)).rejects.toMatchObject({ code: 'DATA_SYNTAX', where: { file, line: 2 } })
})

test('JSON is cut into its values wherever its pieces end', () => {
  const value = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()))
  // There and back: JSON has no -0.
  const values = fc.array(value, { minLength: 1 }).map((list): unknown[] => JSON.parse(JSON.stringify(list)))
  fc.assert(
    fc.property(values, fc.boolean(), fc.nat(3), fc.array(fc.integer({ min: 1, max: 12 })), (list, asList, indent, sizes) => {
      const whole = asList ? JSON.stringify(list, null, indent) : list.map((one) => JSON.stringify(one, null, indent)).join('\n')
      if (!asList && Array.isArray(list[0])) return
      const splitter = new JsonSplitter('a.json')
      const texts = []
      for (let at = 0, i = 0; at < whole.length; i++) {
        const size = sizes.length > 0 ? sizes[i % sizes.length]! : 5
        texts.push(...splitter.push(whole.slice(at, at + size)))
        at += size
      }
      texts.push(...splitter.end())
      expect(texts.map(({ text }) => JSON.parse(text))).toEqual(list)
      const lines = whole.split('\n')
      for (const { text, line } of texts) expect(lines[line - 1]).toContain(text.split('\n')[0])
    }),
  )
})

test.each([
  ['a.json', '[{"text": "a"},\n{"text": ', 'DATA_SYNTAX', 2],
  ['b.json', '[{"text": "a"},\n{"text": "b"}', 'DATA_SYNTAX', 2],
  ['c.json', '[{"text": "a"},\n\n 7]', 'DATA_RECORD_INVALID', 3],
  ['d.json', '{"text": "a"} nonsense', 'DATA_SYNTAX', 1],
  ['e.csv', 'text,id\na,1\nb\n', 'DATA_SYNTAX', 3],
  ['f.csv', 'text,id\na,1\n"b,2\n', 'DATA_SYNTAX', 3],
  ['g.csv', 'text,text\na,1', 'DATA_SYNTAX', 1],
  ['i.json', '["a",\n"b"]', 'DATA_RECORD_INVALID', 1],
  ['h.jsonl', '{"text": "a"}\n{"text": "b"', 'DATA_SYNTAX', 2],
])('%s is an error that names the line', async (name, content, code, line) => {
  const file = join(folder, name)
  await writeFile(file, content)
  const error = await valuesOf(file).catch((thrown: unknown) => thrown)
  expect(QtError.isInstance(error) && [error.code, error.where?.file, error.where?.line]).toEqual([code, file, line])
})

test('Parquet gives the same rows with DuckDB and without, lists and numbers of 64 bits among them', async () => {
  const file = join(folder, "it's [1].parquet")
  await sql(`COPY (SELECT 'row ' || i AS text, i::BIGINT AS id, [{'role': 'user', 'content': 'é' || i, 'name': NULL}] AS messages,
    encode('bytes') AS raw FROM range(5000) t(i)) TO '${file.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`)
  for (const reader of ['duckdb', 'hyparquet'] as const) {
    const rows = []
    for await (const batch of readParquetBatches(file, { reader })) rows.push(...batch)
    expect(rows.length).toBe(5000)
    expect(rows[4999]).toEqual({
      value: { text: 'row 4999', id: 4999, messages: [{ role: 'user', content: 'é4999' }], raw: 'bytes' },
      where: { file, row: 5000 },
    })
  }
  expect(await identifyFile(file)).toMatchObject({ kind: 'parquet', layout: 'openai' })
})

test('a Parquet file that is cut off is an error with the file', async () => {
  const file = join(folder, 'cut.parquet')
  await sql(`COPY (SELECT 'a' AS text FROM range(100)) TO '${file}' (FORMAT parquet)`)
  await writeFile(file, (await readFile(file)).subarray(0, 60))
  await expect(valuesOf(file)).rejects.toMatchObject({ code: 'DATA_UNREADABLE', where: { file } })
})

test('Zstandard is unpacked, also when it comes in several frames', async () => {
  const file = join(folder, 'rows.jsonl.zst')
  await sql(`COPY (SELECT 'text ' || i AS text FROM range(20000) t(i)) TO '${file}' (FORMAT json, COMPRESSION zstd)`)
  const one = await valuesOf(file)
  expect([one.length, one[19_999]]).toEqual([20_000, { text: 'text 19999' }])
  const bytes = await readFile(file)
  await writeFile(file, Buffer.concat([bytes, bytes]))
  expect((await valuesOf(file)).length).toBe(40_000)
  await writeFile(file, bytes.subarray(0, bytes.length >> 1))
  await expect(valuesOf(file)).rejects.toMatchObject({ code: 'DATA_UNREADABLE', where: { file } })
})

test('addresses are read as files are: packed, of any kind, and with errors that say what the server did', async () => {
  const rows = '{"text": "a"}\n{"text": "b"}\n'
  const parquet = join(folder, 'web.parquet')
  await sql(`COPY (SELECT 'row ' || i AS text FROM range(3) t(i)) TO '${parquet}' (FORMAT parquet)`)
  const bodies: Readonly<Record<string, Buffer>> = {
    '/rows.jsonl.gz': gzipSync(rows),
    '/export': Buffer.from(rows),
    '/rows.csv': Buffer.from('text\na\nb\n'),
    '/rows.parquet': await readFile(parquet),
  }
  const server = createServer((request, response) => {
    const body = bodies[new URL(request.url ?? '', 'http://local').pathname]
    if (request.url === '/cut.jsonl') {
      response.writeHead(200, { 'content-length': 1000 })
      response.write(rows, () => response.destroy())
    } else if (body === undefined) response.writeHead(404).end()
    else {
      const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
      const part = from === undefined ? body : body.subarray(Number(from), Number(to) + 1)
      response.writeHead(from === undefined ? 200 : 206, { 'content-length': part.length })
      response.end(request.method === 'HEAD' ? undefined : part)
    }
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  const at = (path: string) => `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}${path}`
  try {
    const two = [{ text: 'a' }, { text: 'b' }]
    for (const path of ['/rows.jsonl.gz?download=true', '/export', '/rows.csv']) expect(await valuesOf(at(path))).toEqual(two)
    expect((await valuesOf(at('/rows.parquet'))).length).toBe(3)
    await expect(valuesOf(at('/none.jsonl'))).rejects.toMatchObject({
      code: 'DATA_UNREADABLE',
      message: expect.stringContaining('404'),
    })
    await expect(valuesOf(at('/cut.jsonl'))).rejects.toMatchObject({ code: 'DATA_UNREADABLE' })
    await expect(valuesOf('http://%')).rejects.toMatchObject({ code: 'DATA_UNREADABLE' })
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

test('a file that is not there is an error with its name', async () => {
  const file = join(folder, 'none.jsonl')
  await expect(identifyFile(file)).rejects.toMatchObject({ code: 'DATA_UNREADABLE', where: { file } })
  await expect(valuesOf(join(folder, 'none'))).rejects.toMatchObject({ code: 'DATA_UNREADABLE' })
})
