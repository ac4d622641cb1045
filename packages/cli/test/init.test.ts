import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { loadConfig } from '@qt/core/node'
import { prepareRows, validateFolder } from '@qt/data'
import { loadPipelineConfig } from '@qt/pipeline'
import { Tokenizer } from '@qt/tokenizer'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-init-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const tiny = fixture('tiny.gguf')
const at = (name: string) => join(folder, name)

/** The rows of a written project, its paths read as from inside it. */
async function rowsOf(project: string, tokenizer: string) {
  const config = await loadConfig(join(project, 'train.yaml'))
  const inside = (path: string) => join(project, path)
  const { path, validation } = config.data
  const data = {
    ...config.data,
    path: inside(String(path)),
    ...(typeof validation === 'string' ? { validation: inside(validation) } : {}),
  }
  return { config, rows: await prepareRows({ ...config, data }, await Tokenizer.load(tokenizer)) }
}

describe.each([
  ['dungeon-master', 'scenarios'],
  ['coding-rules', 'instructions'],
  ['chat', 'chat'],
] as const)('qt init --template %s', (template, format) => {
  test('writes a configuration that parses and data that a training reads', async () => {
    const project = at(template)
    const { code, stdout } = await qt(['init', project, '--template', template, '--base', tiny, '--json'])
    expect(code).toBe(0)
    const { written, kept, base } = JSON.parse(stdout)
    expect(written).toEqual(expect.arrayContaining(['.gitignore', 'README.md', 'train.yaml']))
    expect(kept).toEqual([])
    const { config, rows } = await rowsOf(project, tiny)
    expect(config.base).toBe(base)
    expect(existsSync(join(project, base))).toBe(true)
    expect(rows.format).toBe(format)
    expect(rows.trainableTokens).toBeGreaterThan(100)
    expect(rows.validation!.length).toBeGreaterThan(0)
    expect(await readFile(join(project, 'README.md'), 'utf8')).not.toMatch(/__|\{\{/)
  })

  test('trains for a step, from inside the project', async () => {
    const { code, stderr, stdout } = await qt(['train', '--config', 'train.yaml', '--dry-run', '1', '--threads', '1'], '', {
      cwd: at(template),
    })
    expect([code, stdout], stderr).toEqual([0, expect.stringContaining('Nothing was written')])
  })
})

test('the dungeon master has a pipeline of its own scenarios', async () => {
  const { data, base } = await loadPipelineConfig(at('dungeon-master'))
  for (const path of [data.scenarios, data.heldOut!, base!])
    expect(existsSync(resolve(at('dungeon-master'), path)), path).toBe(true)
})

test('the scenarios of the dungeon master have no mistakes, not even small ones', async () => {
  for (const data of ['scenarios', 'held-out']) {
    const findings: string[] = []
    for await (const finding of validateFolder(join(at('dungeon-master'), 'data', data))) findings.push(finding.toString())
    expect(findings).toEqual([])
  }
})

test('from scratch: the commands of its README make a tokenizer and train with it', async () => {
  const project = at('from-scratch')
  expect((await qt(['init', project, '--template', 'from-scratch'])).code).toBe(0)
  const readme = await readFile(join(project, 'README.md'), 'utf8')
  const commands = [...readme.matchAll(/^qt (tokenizer train|train --config train\.yaml)([^#\n]*)/gm)].map(([line]) =>
    line.slice(3).trim(),
  )
  expect(commands.length).toBe(3)
  for (const command of [commands[0]!, `${commands[2]!} --dry-run 1`]) {
    const { code, stderr } = await qt(command.split(' '), '', { cwd: project })
    expect(code, stderr).toBe(0)
  }
  const { rows } = await rowsOf(project, join(project, 'tokenizer/tokenizer.json'))
  expect(rows.format).toBe('text')
})

test('without --base the small model that comes along is copied in, or a model of the hub is named', async () => {
  const { code, stdout } = await qt(['init', at('small'), '--template', 'chat', '--json'])
  expect(code).toBe(0)
  const { base } = JSON.parse(stdout)
  const copied = existsSync(join(at('small'), 'models/base.gguf'))
  expect(base).toBe(copied ? 'models/base.gguf' : 'HuggingFaceTB/SmolLM2-135M-Instruct')
  const config = await loadConfig(join(at('small'), 'train.yaml'))
  expect(config.base).toBe(base)
  // What comes along is very small and has to move far.
  expect([config.training.epochs, config.training.learningRate]).toEqual(copied ? [40, 4e-3] : [10, 5e-4])
})

test('a base with spaces in its name stays one word in the file and in the commands', async () => {
  await mkdir(at('my models'))
  await writeFile(at('my models/it is.gguf'), '')
  expect((await qt(['init', at('spaces'), '--template', 'chat', '--base', at('my models/it is.gguf')])).code).toBe(0)
  expect((await loadConfig(join(at('spaces'), 'train.yaml'))).base).toBe('../my models/it is.gguf')
  expect(await readFile(join(at('spaces'), 'README.md'), 'utf8')).toContain("--model '../my models/it is.gguf' --adapter")
})

test('the commands that it prints run as they stand', async () => {
  const { stdout } = await qt(['init', 'said', '--template', 'chat', '--base', tiny], '', { cwd: folder })
  const steps = [...stdout.matchAll(/^ {2}(cd .+|.+ train --config .+)$/gm)].map(([, step]) => step)
  expect(steps).toHaveLength(2)
  const { stdout: plan } = await promisify(execFile)('sh', ['-c', `${steps.join(' && ')} --dry-run 1 --threads 1`], {
    cwd: folder,
  })
  expect(plan).toContain('Nothing was written')
})

test('refuses a folder that is not empty; --force keeps what is there', async () => {
  const project = at('mine')
  await mkdir(join(project, '.git'), { recursive: true })
  await writeFile(join(project, 'train.yaml'), 'mine\n')
  const refused = await qt(['init', project, '--template', 'chat'])
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('is not empty: it has train.yaml.')])
  expect(await readdir(project)).toEqual(['.git', 'train.yaml'])
  const forced = await qt(['init', project, '--template', 'chat', '--force', '--json'])
  expect(forced.stderr).toContain('kept train.yaml, which was there')
  expect(JSON.parse(forced.stdout)).toMatchObject({ kept: ['train.yaml'] })
  expect(await readFile(join(project, 'train.yaml'), 'utf8')).toBe('mine\n')
  expect((await stat(join(project, 'data/chats.jsonl'))).size).toBeGreaterThan(1000)
})

test.each(['combat', 'roleplay', 'exploration', 'mixed'])(
  'a %s scenario to start from is valid, and is not written twice',
  async (category) => {
    const file = at(`begun/${category}/mine.md`)
    expect((await qt(['init', '--scenario', category, '--out', file])).code).toBe(0)
    const findings = []
    for await (const finding of validateFolder(at(`begun/${category}`))) findings.push(finding.toString())
    expect(findings).toEqual([])
    const shown = await qt(['init', '--scenario', category])
    expect(shown.stdout).toBe(await readFile(file, 'utf8'))
    const again = await qt(['init', '--scenario', category, '--out', file])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('is there already')])
  },
)

test.each([
  [['init'], 'qt init needs DIR'],
  [['init', 'x'], '--template dungeon-master'],
  [['init', 'x', '--template', 'chta'], 'Did you mean chat?'],
  [['init', 'x', '--template', 'chat', '--base', 'nowhere.gguf'], 'There is no model at nowhere.gguf'],
  [['init', 'x', '--template', 'chat', '--base', 'models/nowhere.gguf'], 'There is no model at models/nowhere.gguf'],
  [['init', 'x', '--template', 'from-scratch', '--base', 'a/b'], 'has no base'],
  [['init', '--scenario', 'combta'], 'Did you mean combat?'],
  [['init', 'x', '--out', 'y'], '--out belongs to --scenario'],
])('bad usage %j ends with 2, says what to do and writes nothing', async (args, message) => {
  const { code, stderr } = await qt(args, '', { cwd: folder })
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)])
  expect(existsSync(at('x'))).toBe(false)
})
