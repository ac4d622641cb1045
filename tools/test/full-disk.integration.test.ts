import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convert } from '@qt/weights'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, tail } from '../src/command.js'
import { root } from '../src/root.js'

/* A disk of 16 kB, mounted where only the command sees it. */

const fixture = (name: string) => join(root, 'packages/weights/test/fixtures', name)
const [tiny, adapter] = [fixture('tiny-llama'), fixture('adapter')]
let folder = ''
let model = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-full-disk-'))
  await mkdir(join(folder, 'disk'))
  model = join(folder, 'model.gguf')
  await convert(tiny, model, { type: 'F16' })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs a line of a shell, `$0` the disk; what it says last is what lies there. */
const onSmallDisk = (line: string) =>
  command('unshare', [
    ...[
      '-rm',
      'sh',
      '-c',
      `mount -t tmpfs -o size=16k none "$0" || exit 99; ${line}; echo "exit $?"; echo "left: $(ls -A "$0")"`,
    ],
    join(folder, 'disk'),
  ])

const possible = (await command('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt'])).code === 0
if (!possible) console.log('skipped: a full disk (this user may not mount one)')

describe.skipIf(!possible)('a full disk', () => {
  test.each([
    ['quantising', () => `qt quantize ${model} "$0/small.gguf" --type Q8_0`],
    ['quantising with the reference', () => `node --input-type=module -e "${reference()}" "$0"`],
    ['converting', () => `qt convert ${tiny} "$0/model.gguf" --type F16`],
    ['merging', () => `qt merge --base ${tiny} --adapter ${adapter} --out "$0/merged.gguf"`],
  ] as const)('is said in a sentence, and leaves nothing behind: %s', async (_, line) => {
    const result = await onSmallDisk(line())
    expect(result.code, tail(result)).toBe(0)
    expect(result.stdout).toMatch(/exit 1\nleft: \n/)
    expect(result.stderr).toMatch(/(no space|full|has only \d+ left|Free some space)/i)
    expect(result.stderr).not.toMatch(/\n {4}at /)
  })

  test('at a checkpoint of training it leaves the one before, from which the run goes on once there is room', async () => {
    const rows = join(folder, 'rows.jsonl')
    await writeFile(
      rows,
      Array.from({ length: 12 }, (_, i) =>
        JSON.stringify({ input_ids: Array.from({ length: 16 }, (_, j) => (i + 3 * j) % 200) }),
      ).join('\n'),
    )
    const flags = `--base ${tiny} --data ${rows} --format tokens --adapter lora --rank 4 --steps 6 --batch-size 2 --sequence-length 64 --save-every 1`
    const result = await command('unshare', [
      '-rm',
      'sh',
      '-c',
      [
        'mount -t tmpfs -o size=150k none "$0" || exit 99',
        `qt train ${flags} --output "$0/run"; echo "exit $?"; ls "$0/run/checkpoints"`,
        `mount -o remount,size=1m "$0"; qt train ${flags} --output "$0/run" --resume; echo "exit $?"; ls "$0/run/adapter"`,
      ].join('\n'),
      join(folder, 'disk'),
    ])
    expect(result.code, tail(result)).toBe(0)
    expect(result.stdout).toMatch(
      /exit 1\nstep-00000\d\n(step-00000\d\n)?[\s\S]*exit 0\nadapter_config\.json\nadapter_model\.safetensors\n/,
    )
    expect(result.stderr).toMatch(/the disk is full/)
  })
})

/** The reference finds out as it writes. */
const reference = () =>
  [
    `import { quantize } from '@qt/quantize'`,
    `quantize('${model}', process.argv[1] + '/small.gguf', { type: 'Q8_0', engine: 'reference' })`,
    `  .catch((error) => { console.error(error.code, error.message, error.actions[0]); process.exitCode = 1 })`,
  ]
    .join('\n')
    .replaceAll('"', '\\"')
