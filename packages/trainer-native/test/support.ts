import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEvent, type RunEvent, type StepEvent } from '@qt/core'
import { readSafetensors } from '@qt/weights'
import { afterAll } from 'vitest'

export const fixture = (...names: string[]): string => fileURLToPath(new URL(`fixtures/${names.join('/')}`, import.meta.url))

/** A real model of the machine, or undefined with one line that says what is skipped. */
export function realFile(where: 'shared' | '.models', name: string, skipped: string): string | undefined {
  const root = fileURLToPath(new URL(where === 'shared' ? '../../../../shared/' : '../../../.models/', import.meta.url))
  if (existsSync(join(root, name))) return join(root, name)
  console.log(`skipped: ${skipped} (no ${where}/${name})`)
  return undefined
}

/** A folder for the tests of a file, deleted after them. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'qt-trainer-'))
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function readJson<Type>(file: string): Promise<Type> {
  const value: Type = JSON.parse(await readFile(file, 'utf8'))
  return value
}

export async function eventsOf(run: string): Promise<RunEvent[]> {
  const text = await readFile(join(run, 'events.jsonl'), 'utf8')
  return text.split('\n').flatMap((line) => parseEvent(line) ?? [])
}

export const stepsIn = (events: readonly RunEvent[]): StepEvent[] => events.filter((event) => event.type === 'step')

/** Every tensor of a float32 safetensors file, end to end in the order of their names. */
export async function numbersOf(file: string): Promise<Float32Array> {
  const tensors = await readSafetensors(file)
  const parts: number[] = []
  for (const name of [...tensors.tensors.keys()].sort()) {
    const bytes = await tensors.read(name)
    for (const value of new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)))
      parts.push(value)
  }
  return Float32Array.from(parts)
}

/** The cosine between two changes of an adapter from the same start. */
export async function cosineOfChanges(start: string, ours: string, theirs: string): Promise<number> {
  const [s, a, b] = await Promise.all([start, ours, theirs].map((folder) => numbersOf(join(folder, 'adapter_model.safetensors'))))
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < s!.length; i++) {
    const [x, y] = [a![i]! - s![i]!, b![i]! - s![i]!]
    ab += x * y
    aa += x * x
    bb += y * y
  }
  return ab / Math.sqrt(aa * bb)
}
