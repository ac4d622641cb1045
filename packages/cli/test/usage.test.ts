import { readFile } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { verbs } from '../src/verbs/index.js'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

test('help lists every verb, and every verb has help with an example and the common flags', async () => {
  const general = await qt(['--help'])
  expect(general).toMatchObject({ code: 0, stderr: '' })
  const width = Math.max(...verbs.map(({ name }) => name.length))
  for (const { name, summary } of verbs) expect(general.stdout).toContain(`\n  ${name.padEnd(width)}  ${summary}\n`)
  const helps = await Promise.all(verbs.map(({ name }) => qt([...name.split(' '), '--help'])))
  for (const [index, { name, summary }] of verbs.entries()) {
    const { code, stdout, stderr } = helps[index]!
    expect([code, stderr], name).toEqual([0, ''])
    expect(stdout).toContain(summary)
    expect(stdout).toMatch(new RegExp(`Examples?:\n  .*qt ${name} `))
    expect(stdout).toMatch(/--json.*\n.*--verbose/)
  }
})

test('help comes for qt alone and for "qt help VERB"', async () => {
  expect((await qt([])).stdout).toContain('Usage: qt VERB')
  expect((await qt(['help', 'data', 'stats'])).stdout).toContain('Usage: qt data stats')
})

test('a command that an error names can be pasted where qt is not on PATH', async () => {
  const [plain, json] = await Promise.all([qt(['inspekt']), qt(['inspekt', '--json'])])
  const [, pasted = ''] = /\n {6}(.* --help)\n/.exec(plain.stderr) ?? []
  expect(pasted).toMatch(/^(npx qt|qt|node .*qt\.js) --help$/)
  const { error } = JSON.parse(json.stdout)
  expect(error.actions.at(-1).command).toBe(pasted)
})

test('help says which flags may be repeated', async () => {
  const { stdout } = await qt(['merge', '--help'])
  expect(stdout).toMatch(/--adapter .*; may be repeated\.\n/)
  expect(stdout).not.toMatch(/--base .*may be repeated/)
})

test('help on a group lists its verbs', async () => {
  const [asked, told] = await Promise.all([qt(['eval', '--help']), qt(['help', 'eval'])])
  expect(asked).toEqual({ code: 0, stdout: expect.stringMatching(/^Usage: qt eval VERB.*eval compare /s), stderr: '' })
  expect(told).toEqual(asked)
  expect(asked.stdout).not.toContain('data stats')
})

test('prints its version', async () => {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  expect(await qt(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test.each([
  [['trian'], 'Did you mean "qt train"?'],
  [['data'], 'qt data needs one of: parse, validate, fix, stats'],
  [['inspect'], 'qt inspect needs FILE'],
  [['inspect', 'a', 'b'], 'does not know what to do with "b"'],
  [['inspect', 'a', '--jsno'], 'Did you mean --json?'],
  [['tokenize'], 'qt tokenize needs --tokenizer'],
  [['tokenize', '--tokenizer'], '--tokenizer needs a value'],
  [['tokenize', '--tokenizer', 'a', '--tokenizer', 'b'], '--tokenizer is given 2 times'],
  [['merge', '--base', 'a', '--adapter', 'b:x', '--out', 'c'], 'must be a number, not "x"'],
  [['convert', 'a', 'b', '--type', 'Q4_K'], '--type must be F32, F16 or BF16'],
  [['train', '--base', 'a', '--data', 'b', '--lerning-rate', '1'], 'Did you mean --learning-rate?'],
  [['train', '--base', 'a', '--data', 'b', '--rank', '0'], '--rank cannot be "0"'],
  [['train', '--base', 'a', '--data', 'b', '--dry-run', '1.5'], '--dry-run must be a whole number'],
  [['train', '--base', 'a'], '"data" is missing'],
  [['train', '--config', 'nowhere.yaml'], 'cannot be read'],
])('bad usage %j ends with 2 and says what to do', async (args, message) => {
  const { code, stdout, stderr } = await qt(args)
  expect(stderr).toContain(message)
  expect(stderr).toMatch(/\n {2}→ /)
  expect([code, stdout]).toEqual([2, ''])
})

test('an error prints what, where, what to do and where to read on; --verbose adds the stack', async () => {
  const config = fixture('misspelt.yaml')
  const plain = await qt(['train', '--config', config])
  expect(plain.stderr).toBe(
    [
      'error: "training.lerningRate" is not a known key.',
      `  at ${config}:4 training.lerningRate`,
      '  → Did you mean "learningRate"?',
      '  help: docs/errors.md#config-unknown-key',
      '',
    ].join('\n'),
  )
  const verbose = await qt(['train', '--config', config, '--verbose'])
  expect(verbose.stderr.startsWith(plain.stderr.trimEnd())).toBe(true)
  expect(verbose.stderr).toMatch(/\n {4}at /)
})

test('with --json an error is a document too, and all of standard output', async () => {
  const { code, stdout } = await qt(['inspect', 'nowhere.gguf', '--json'])
  expect(code).toBe(2)
  expect(JSON.parse(stdout)).toMatchObject({
    error: { code: 'REFERENCE_UNKNOWN', message: expect.any(String), actions: expect.any(Array) },
  })
})

test('a reader that closes the pipe early is no error', async () => {
  const { spawnSync } = await import('node:child_process')
  const bin = new URL('../bin/qt.js', import.meta.url).pathname
  const script = `set -o pipefail; "$0" "$1" tokenize --tokenizer "$2" < <(yes "I search the altar" | head -200000) | head -1`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, bin, fixture('tiny.gguf')], {
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout.split('\n')).toHaveLength(2)
})
