import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type Platform, platformOf } from './platform-of.js'
import { root } from './root.js'

const ranges = z.record(z.string(), z.string()).optional()
const entrySchema = z.looseObject({
  version: z.string().optional(),
  dev: z.boolean().optional(),
  resolved: z.string().optional(),
  dependencies: ranges,
  devDependencies: ranges,
  optionalDependencies: ranges,
})
const lockSchema = z.looseObject({ packages: z.record(z.string(), entrySchema) })
type Entry = z.infer<typeof entrySchema>
export type Lock = z.infer<typeof lockSchema>

export const lockPath = join(root, 'package-lock.json')

/** As it lies in the file: what a schema returns has its keys in another order. */
export async function readLock(): Promise<Lock> {
  const lock: Lock = JSON.parse(await readFile(lockPath, 'utf8'))
  lockSchema.parse(lock)
  return lock
}

export interface Missing {
  readonly name: string
  readonly version: string
  readonly dev: boolean
  readonly platform: Platform
}

/**
 * Binaries for other platforms that the lock file has lost. npm drops them when the registry at hand does not carry them,
 * and `npm ci` then refuses the lock file everywhere (https://github.com/npm/cli/issues/4828).
 */
export function missingPlatforms({ packages }: Lock): Missing[] {
  const known = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')))
  return Object.values(packages).flatMap(({ optionalDependencies = {}, dev }) =>
    Object.entries(optionalDependencies).flatMap(([name, version]) => {
      const platform = platformOf(name)
      return known.has(name) || platform === undefined ? [] : [{ name, version, dev: dev === true, platform }]
    }),
  )
}

/** The lock file with those binaries in it: name, version and platform suffice for npm to pass them over here. */
export function completeLock(lock: Lock): Lock {
  const packages: Record<string, Entry> = { ...lock.packages }
  for (const { name, version, dev, platform } of missingPlatforms(lock)) {
    const { os, cpu, libc } = platform
    const flags = { ...(dev ? { dev } : {}), ...(libc ? { libc: [libc] } : {}), optional: true }
    packages[`node_modules/${name}`] = { version, cpu: [cpu], ...flags, os: [os] }
  }
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
  return { ...lock, packages: Object.fromEntries(sorted) }
}
