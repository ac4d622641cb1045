import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEvent } from '@qt/core'
import { decodeBlocks, readSafetensors } from '@qt/weights'

/** What a run has left. */
export interface Result {
  readonly steps: readonly Numbers[]
  readonly validations: readonly Numbers[]
  /** Of what was trained, and of the newest checkpoint. */
  readonly tensors: ReadonlyMap<string, Float32Array>
  /** Everything that is to be the same bytes when a run was stopped in between: files, and events without what time decides. */
  readonly files: ReadonlyMap<string, string>
}

export type Numbers = Readonly<Record<string, number>>

export async function resultOf(output: string): Promise<Result> {
  const text = await readFile(join(output, 'events.jsonl'), 'utf8')
  const events = text.split('\n').flatMap((line) => parseEvent(line) ?? [])
  const checkpoints = (await readdir(join(output, 'checkpoints'))).filter((name) => name.startsWith('step-')).sort()
  const made = existsSync(join(output, 'adapter')) ? 'adapter' : 'model'
  const folders = { made: join(output, made), saved: join(output, 'checkpoints', checkpoints.at(-1)!) }
  const files = new Map<string, string>()
  const tensors = new Map<string, Float32Array>()
  for (const [name, folder] of Object.entries(folders))
    for (const file of (await readdir(folder)).sort()) {
      if (!file.endsWith('.safetensors')) continue
      files.set(`${name}/${file}`, (await readFile(join(folder, file))).toString('base64'))
      if (file.startsWith('optimizer')) continue
      const { tensors: found, read } = await readSafetensors(join(folder, file))
      for (const [tensor, { dtype }] of found)
        if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16')
          tensors.set(`${name}: ${tensor}`, decodeBlocks(dtype, await read(tensor)))
    }
  files.set('events', events.map((event) => timeless(event, output)).join('\n'))
  return {
    steps: events.flatMap((event) => {
      if (event.type !== 'step') return []
      const { step, loss, gradNorm, learningRate, tokens } = event
      return [{ step, tokens, learningRate, loss, gradNorm }]
    }),
    validations: events.flatMap((event) => {
      if (event.type !== 'validation') return []
      const { step, loss, tokenAccuracy } = event
      return [{ step, loss, tokenAccuracy }]
    }),
    tensors,
    files,
  }
}

const ofTime = ['time', 'tokensPerSecond', 'memory', 'deviceMemory', 'seconds']

const timeless = (event: unknown, output: string): string =>
  JSON.stringify(event, (key, value: unknown) => (ofTime.includes(key) ? undefined : value)).replaceAll(output, 'OUTPUT')
