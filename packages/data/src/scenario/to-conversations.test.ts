import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dataSchema, QtError, trainingSchema } from '@qt/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byteTokenizer } from '../../test/byte-tokenizer.js'
import { prepareRows } from '../prepare-rows.js'
import { parseScenario } from './parse-scenario.js'
import { resultRoleOf } from './result-role.js'
import { toConversations } from './to-conversations.js'

const text = `# SYSTEM
Role: You lead.
World: A world.
Location: A cave.
Party:
- Kara (Player Character, Dwarf Fighter, Level 3, HP: 18/18)
  - Skills: Perception +4
# USER
I look.
# DM
Look well. [roll: perception]
# TOOLCALL
perception: 15 + 4(skill) = *19*
# DM
*SUCCESS* Dust.
`
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-scenarios-'))
  await mkdir(join(folder, 'combat'))
  await writeFile(join(folder, 'combat', 'good.md'), text)
  await writeFile(join(folder, 'README.md'), 'How these were written.')
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const prepare = (data: object) =>
  prepareRows(
    {
      data: dataSchema.parse({ path: folder, validation: 0, ...data }),
      training: trainingSchema.parse({ sequenceLength: 1024, packing: false }),
    },
    byteTokenizer(),
  )

test('SYSTEM becomes a readable system message, and each speaker a role', () => {
  const [example] = toConversations(parseScenario(text))
  expect(example?.messages).toEqual([
    {
      role: 'system',
      content:
        'You lead.\n\nWorld: A world.\n\nLocation: A cave.\n\nParty:\n- Kara, player, Dwarf Fighter, level 3, health 18/18. Skills: Perception +4.',
    },
    { role: 'user', content: 'I look.' },
    { role: 'assistant', content: 'Look well. [roll: perception]' },
    { role: 'tool', content: 'perception: 15 + 4(skill) = *19*' },
    { role: 'assistant', content: '*SUCCESS* Dust.' },
  ])
})

test('pairs: each DM turn with all that precedes it, loss on that turn alone', () => {
  const pairs = toConversations(parseScenario(text), { each: 'turn', resultRole: 'user' })
  expect(pairs.map(({ messages }) => messages.map(({ role, weight }) => `${role}${weight ?? ''}`).join(' '))).toEqual([
    'system user assistant',
    'system user assistant0 user assistant',
  ])
})

test('results are said by the user where the template knows no tool role', () => {
  const roles = (allowed: string) =>
    `{% for m in messages %}{% if m.role not in [${allowed}] %}{{ raise_exception('role') }}{% endif %}{{ m.role }}: {{ m.content }}\n{% endfor %}`
  expect(resultRoleOf(roles("'system', 'user', 'assistant', 'tool'"))).toBe('tool')
  expect(resultRoleOf(roles("'system', 'user', 'assistant'"))).toBe('user')
  expect(resultRoleOf("{% for m in messages %}{% if m.role != 'tool' %}{{ m.content }}{% endif %}{% endfor %}")).toBe('user')
})

test.each(['auto', 'scenarios'])(
  'a folder of scenarios (format %s) becomes rows with loss on the DM turns only',
  async (format) => {
    const rows = await prepare({ format })
    expect([rows.format, rows.train.length]).toEqual(['scenarios', 1])
    const { labels } = rows.train.row(0)
    const learned = new TextDecoder().decode(Uint8Array.from(labels.filter((label) => label >= 0 && label < 256)))
    expect(learned).toBe('Look well. [roll: perception]*SUCCESS* Dust.')
  },
)

test('an invalid scenario stops with its file and line, or is left out and named', async () => {
  const bad = join(folder, 'combat', 'bad.md')
  await writeFile(bad, text.replace('*19*', '*29*'))
  const error = await prepare({}).catch((thrown: unknown) => thrown)
  expect(QtError.isInstance(error) && [error.code, error.where]).toEqual(['SCENARIO_INVALID', { file: bad, line: 13 }])
  const rows = await prepare({ skipInvalid: true })
  expect(rows.train.length).toBe(1)
  expect(rows.leftOut.map(({ file, line, code }) => [file, line, code])).toEqual([[bad, 13, 'result-sum']])
  expect(rows.warnings.join()).toContain(`left out: ${bad}:13`)
  await rm(bad)
})
