import { open, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

export interface StageReport {
  /** Names of its steps. */
  readonly steps: readonly string[]
  readonly records: number
  readonly kept: number
  /** Records that were left out, by step and reason. */
  readonly dropped: Readonly<Record<string, number>>
}

/** What a pipeline made: `dataset.json` beside the data. */
export interface DatasetManifest {
  readonly format: 1
  /** SHA-256 over the data: the same data, the same version. */
  readonly version: string
  /** Files by the folder of this file; addresses and files of the hub, with their commit, as they are. */
  readonly inputs: readonly { readonly file: string; readonly bytes: number; readonly sha256: string }[]
  readonly steps: readonly unknown[]
  readonly stages: readonly StageReport[]
  readonly outputs: readonly { readonly file: string; readonly records: number; readonly sha256: string }[]
}

export const manifestName = 'dataset.json'

/** Whether a file is what a pipeline writes beside its data, and not data of that name. */
export async function isManifest(file: string): Promise<boolean> {
  if (basename(file) !== manifestName) return false
  const opened = await open(file).catch(() => undefined)
  if (opened === undefined) return false
  try {
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(100), 0, 100, 0)
    return /^\{\s*"format": 1,\s*"version": "[0-9a-f]{16}",\s*"inputs": \[/.test(buffer.toString('utf8', 0, bytesRead))
  } finally {
    await opened.close()
  }
}

/** The version and the files that a pipeline wrote into a folder; undefined where none did. */
export async function manifestOf(folder: string): Promise<{ version: string; outputs: string[] } | undefined> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) return undefined
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, manifestName), 'utf8'))
    if (typeof value !== 'object' || value === null || !('version' in value) || !('outputs' in value)) return undefined
    const { version, outputs } = value
    if (typeof version !== 'string' || !Array.isArray(outputs)) return undefined
    return { version, outputs: outputs.map((one: { file: string }) => String(one.file)) }
  } catch {
    return undefined
  }
}
