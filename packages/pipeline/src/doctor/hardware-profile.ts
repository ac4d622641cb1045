import { statfs } from 'node:fs/promises'
import { release } from 'node:os'
import { resolve } from 'node:path'
import { outputOf } from './command.js'
import { graphics } from './gpu.js'
import { memory } from './memory.js'
import { nativePart } from './native-part.js'
import { processor } from './processor.js'
import type { HardwareProfile } from './profile.js'

export interface HardwareProfileOptions {
  /** The folder whose disk counts; default: where the process runs. */
  readonly folder?: string
  readonly signal?: AbortSignal
}

/**
 * What this machine has: processor, memory, disk, graphics cards, Node, and whether the native parts load.
 *
 * @example
 * ```ts
 * const { processor, memory } = await hardwareProfile()
 * processor.features // ['avx2', 'fma', …]
 * ```
 */
export async function hardwareProfile({ folder = '.', signal }: HardwareProfileOptions = {}): Promise<HardwareProfile> {
  const firstLine = async (program: string) => (await outputOf(program, ['--version'], signal))?.split('\n')[0]
  const [cpu, ram, disk, cards, npm, cmake, compiler, engine, quantizer] = await Promise.all([
    processor(signal),
    memory(),
    diskOf(resolve(folder)),
    graphics(signal),
    firstLine('npm'),
    firstLine('cmake'),
    firstLine('g++').then((found) => found ?? firstLine('clang++')),
    nativePart('@qt/trainer-native', signal),
    nativePart('@qt/quantize', signal),
  ])
  signal?.throwIfAborted()
  const libc = libcOf()
  return {
    system: {
      platform: process.platform,
      architecture: process.arch,
      release: release(),
      ...(libc === undefined ? {} : { libc }),
    },
    processor: cpu,
    memory: ram,
    disk,
    ...cards,
    node: process.versions.node,
    npm,
    tools: { ...(cmake === undefined ? {} : { cmake }), ...(compiler === undefined ? {} : { compiler }) },
    engine,
    quantizer,
  }
}

async function diskOf(path: string): Promise<HardwareProfile['disk']> {
  const found = await statfs(path).catch(() => undefined)
  return found && { path, total: found.blocks * found.bsize, free: found.bavail * found.bsize }
}

/** `glibc 2.36`; absent elsewhere. */
function libcOf(): string | undefined {
  if (process.platform !== 'linux') return undefined
  const report: unknown = process.report?.getReport()
  const header = typeof report === 'object' && report !== null && 'header' in report ? report.header : undefined
  if (typeof header !== 'object' || header === null) return undefined
  return 'glibcVersionRuntime' in header ? `glibc ${String(header.glibcVersionRuntime)}` : 'not glibc'
}
