import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'

// Real models on a busy machine take longer than the default five seconds.
vi.setConfig({ testTimeout: 60_000 })

/** The path of a fixture of this package. */
export const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url))

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** A path that only some machines have; says what is skipped where it is missing. */
export function optional(path: string, skipped: string): string | undefined {
  const full = join(root, path)
  if (existsSync(full)) return full
  console.log(`skipped: ${skipped} (${path} is not here)`)
  return undefined
}

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'qt-weights-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
