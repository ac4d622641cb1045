import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { GpuPart, NativePart } from './profile.js'

/** Run in a child: a binary for another processor ends its process without a word. */
const question = `
const answer = (value) => process.stdout.write(JSON.stringify(value))
try {
  const { hardware, gpus, gpuLibraries } = await import(process.argv[1])
  const graphics = typeof gpus === 'function' ? { gpus: { ...gpus(), libraries: gpuLibraries?.() ?? [] } } : {}
  answer(typeof hardware === 'function' ? { state: 'works', ...hardware(), ...graphics } : { state: 'unknown' })
} catch (error) {
  answer({ state: 'broken', why: [error.message, error.cause?.message].filter(Boolean).join(' ') })
}`

/** Loads a package in a process of its own and asks what its native part, `hardware()` and `gpus()`, finds. */
export function nativePart(name: string, signal?: AbortSignal): Promise<NativePart> {
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(name)
  } catch {
    return Promise.resolve({ state: 'absent' })
  }
  return new Promise((resolve) => {
    const args = ['--input-type=module', '-e', question, pathToFileURL(entry).href]
    execFile(process.execPath, args, { timeout: 60_000, ...(signal ? { signal } : {}) }, (error, stdout) =>
      resolve(readAnswer(stdout) ?? { state: 'broken', why: died(error) }),
    )
  })
}

function readAnswer(text: string): NativePart | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('state' in value)) return undefined
  if (value.state === 'unknown') return { state: 'unknown' }
  if (value.state === 'broken') return { state: 'broken', why: 'why' in value ? String(value.why) : '' }
  const kernels = 'kernels' in value && Array.isArray(value.kernels) ? value.kernels.map(String) : []
  const gpus = 'gpus' in value ? gpuPart(value.gpus) : undefined
  return { state: 'works', kernels, threads: 'threads' in value ? Number(value.threads) : 1, ...(gpus ? { gpus } : {}) }
}

const gpuPartSchema = z.union([
  z.object({
    state: z.literal('usable'),
    devices: z.array(z.object({ name: z.string(), memory: z.number(), free: z.number(), capability: z.string() })),
    libraries: z.array(z.object({ name: z.string(), version: z.string().optional(), why: z.string().optional() })),
  }),
  z.object({ state: z.literal('absent'), install: z.string() }),
  z.object({ state: z.literal('unusable'), why: z.string() }),
])

const gpuPart = (value: unknown): GpuPart | undefined => gpuPartSchema.safeParse(value).data

function died(error: Error | null): string {
  const signal = error && 'signal' in error && typeof error.signal === 'string' ? error.signal : undefined
  if (signal === 'SIGILL') return 'Loading it used an instruction that this processor does not have (SIGILL).'
  return signal === undefined ? 'Loading it ended its process.' : `Loading it ended its process (${signal}).`
}
