import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { command, tail } from './command.js'
import { root } from './root.js'

const manifestSchema = z.object({
  name: z.string(),
  private: z.boolean().optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
})

export interface Package {
  readonly name: string
  readonly folder: string
  readonly dependencies: readonly string[]
}

/** Every package that npm could publish. */
export async function publishable(): Promise<Package[]> {
  const folders = (await readdir(join(root, 'packages'))).sort().map((name) => join(root, 'packages', name))
  const packages = await Promise.all(
    folders.map(async (folder) => {
      const manifest = manifestSchema.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')))
      return { name: manifest.name, folder, dependencies: Object.keys(manifest.dependencies), private: manifest.private === true }
    }),
  )
  return packages.filter((item) => !item.private)
}

/** The packages named and all of ours that they need. */
export function closure(packages: readonly Package[], names: readonly string[]): Package[] {
  const byName = new Map(packages.map((item) => [item.name, item]))
  const found = new Map<string, Package>()
  const visit = (name: string) => {
    const item = byName.get(name)
    if (!item || found.has(name)) return
    found.set(name, item)
    item.dependencies.forEach(visit)
  }
  names.forEach(visit)
  return [...found.values()]
}

const packedSchema = z.array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }))

export interface Tarball {
  readonly path: string
  readonly files: readonly string[]
}

/** `npm pack`: what a publish would upload. */
export async function pack(item: Package, into: string): Promise<Tarball> {
  const result = await command('npm', ['pack', '--json', '--pack-destination', into], { cwd: item.folder })
  if (result.code !== 0) throw new Error(`npm pack of ${item.name} failed:\n${tail(result)}`)
  const [packed] = packedSchema.parse(JSON.parse(result.stdout))
  return { path: join(into, packed!.filename), files: packed!.files.map(({ path }) => path) }
}
