import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { QtError } from '@qt/core'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mutated } from '../test/mutate.js'
import { parseExpression } from './generate/expression.js'
import { loadTemplates } from './generate/load-templates.js'
import { parseTemplateText } from './generate/template-text.js'
import { identifyFile } from './identify-file.js'
import { loadRecipe } from './pipeline/recipe.js'
import { readRecords } from './read-records.js'
import { locateScenario, parseScenario } from './scenario/parse-scenario.js'
import { standardise } from './standardise.js'
import { parseStructuredOutput } from './structured-output.js'
import { validateDataset } from './validate-dataset.js'

/** `npm run test:full` looks longer, and for new inputs. */
const runs = process.env.QT_NEW_INPUTS === undefined ? 60 : 1000
const timeout = process.env.QT_NEW_INPUTS === undefined ? 120_000 : 1_200_000

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-fuzz-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const encoder = new TextEncoder()
const records = [
  {
    messages: [
      { role: 'user', content: 'What is 2 + 2? 🎲' },
      { role: 'assistant', content: '2 + 2 = 4', weight: 1 },
    ],
    tools: [],
  },
  {
    conversations: [
      { from: 'human', value: 'Hi' },
      { from: 'gpt', value: 'Hello "there",\nyou' },
    ],
  },
  { instruction: 'Add', input: '1, 2', output: { content: '3', context_window: { level: 1 }, metadata: { tags: ['a'] } } },
  { prompt: 'p', chosen: 'c', rejected: 'r' },
  { content: 'int main() {}', repository_name: 'a/b', path: 'x.c', license: 'mit' },
  { text: 'Straße, ﬁ', id: 7 },
]
const lines = encoder.encode(records.map((one) => `${JSON.stringify(one)}\n`).join(''))
const csv = encoder.encode('instruction,input,output\r\n"Say ""hi""","a, b\nc",é\r\nx,,"[{""role"": ""user""}]"\r\n')
const scenario = encoder.encode(
  '<SYSTEM>\n# Role\nGM\n# Party\n## Kara\n- Dwarf Fighter\n- Level 3\n- Health: 18/18\n- Skills: Stealth +7\n</SYSTEM>\n<User>\nI look.\n</User>\n<DM>\n[roll: perception]\n</DM>\n<TOOLCALL>\nperception: 15 + 10(skill) = *25*\n</TOOLCALL>\n<DM>\n*SUCCESS* Dust.\n</DM>\n',
)

/** Sound files by the end of their name. */
const sound: Readonly<Record<string, () => Promise<Uint8Array>>> = {
  '.jsonl': async () => lines,
  '.json': async () => encoder.encode(JSON.stringify(records, null, 1)),
  '.csv': async () => csv,
  '.tsv': async () => encoder.encode('text\tid\nab\t1\n"c\td"\t2\n'),
  '.md': async () => scenario,
  '.jsonl.gz': async () => gzipSync(lines),
  '.json.zst': async () => execFileSync('zstd', ['-c'], { input: JSON.stringify(records) }),
  '.parquet': async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const file = join(folder, 'sound.parquet')
    await connection.run(
      `COPY (SELECT range AS id, 'text ' || range AS text, [{'role': 'user', 'content': 'x'}] AS messages FROM range(50)) TO '${file}'`,
    )
    return readFile(file)
  },
  // Nothing in the name says what it is.
  '.data': async () => lines,
}

/** What may be thrown: errors that say where and what to do. */
function expectUsable(error: unknown): void {
  if (!QtError.isInstance(error)) throw error
  expect(error.message).not.toBe('')
  expect(error.actions.length, error.message).toBeGreaterThan(0)
}

describe.each(Object.keys(sound))('whatever is done to a file %s', (suffix) => {
  test(
    'there are records or an error that says what to do, and what is read is checked and standardised',
    async () => {
      const path = join(folder, `fuzz${suffix}`)
      await fc.assert(
        fc.asyncProperty(mutated(await sound[suffix]!()), async (bytes) => {
          await writeFile(path, bytes)
          try {
            await identifyFile(path)
            for await (const record of readRecords(path)) {
              parseStructuredOutput(record.value.output)
              try {
                standardise(record)
              } catch (error) {
                expectUsable(error)
              }
            }
          } catch (error) {
            expectUsable(error)
          }
          // A file whose name says nothing is refused here.
          if (suffix !== '.data') expect((await validateDataset(path)).examples).toBeGreaterThanOrEqual(0)
        }),
        { numRuns: suffix === '.parquet' ? Math.ceil(runs / 4) : runs },
      )
    },
    timeout,
  )
})

test(
  'whatever a scenario holds, reading it never throws anything but what is wrong with it',
  () => {
    fc.assert(
      fc.property(mutated(scenario), (bytes) => {
        const text = new TextDecoder().decode(bytes)
        const { problems } = locateScenario(text)
        expect(problems.every(({ line, message }) => line >= 1 && message !== '')).toBe(true)
        try {
          parseScenario(text)
        } catch (error) {
          expectUsable(error)
        }
      }),
      { numRuns: runs * 5 },
    )
  },
  timeout,
)

test(
  'expressions and texts of templates are read, or the syntax error is said',
  () => {
    const said = (read: () => unknown): void => {
      try {
        read()
      } catch (error) {
        if (!(error instanceof SyntaxError) && !QtError.isInstance(error)) throw error
      }
    }
    const text = '{{tool.name}} {if language == "ts" and not (size > 3 or tag in ["a", \'b\'])}x{else}{a|b:2}{/if}\n[[x]]'
    fc.assert(
      fc.property(mutated(encoder.encode(text)), (bytes) => {
        const source = new TextDecoder().decode(bytes)
        said(() => parseExpression(source))
        said(() => parseTemplateText(source))
      }),
      { numRuns: runs * 5 },
    )
  },
  timeout,
)

test(
  'recipes of pipelines and templates are read, or what is wrong with them is said',
  async () => {
    const recipe = encoder.encode(
      'name: chats\nfrom: data/**\nseed: 1\nsteps:\n  - validate: {}\n  - dedup: { similarity: 0.8 }\n  - split: { by: id }\nout: out\n',
    )
    const templates = await readFile(new URL('../templates/coding-rules/oodatcaa.yaml', import.meta.url))
    const file = join(folder, 'file.yaml')
    const rest = { numRuns: Math.ceil(runs / 2) }
    for (const [bytes, load] of [[recipe, loadRecipe] as const, [templates, loadTemplates] as const])
      await fc.assert(
        fc.asyncProperty(mutated(bytes), async (changed) => {
          await writeFile(file, changed)
          await load(file).catch(expectUsable)
        }),
        rest,
      )
  },
  timeout,
)
