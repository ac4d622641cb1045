import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { nativePlatform } from '@qt/core'
import { z } from 'zod'
import { command, tail } from './command.js'
import { pack, type Tarball } from './packages.js'
import { root } from './root.js'

/*
 * Builds the native part of a package and packs it into the package of this platform that its loader looks for.
 * usage: npm run platform-package -- quantize [trainer-native …] [--out FOLDER]
 */

const manifestSchema = z.object({ name: z.string(), version: z.string(), license: z.string() })

/** The platform that a build made here runs on, as npm's manifests say it. */
function platform() {
  const { platform: os, arch: cpu } = process
  if (os !== 'linux') return { os: [os], cpu: [cpu] }
  return { os: [os], cpu: [cpu], libc: [nativePlatform().endsWith('-musl') ? 'musl' : 'glibc'] }
}

/** A tarball of `@qt/NAME-linux-x64`, say (`-linux-x64-musl` where that is the C library), in a folder. */
export async function packPlatform(name: string, into: string): Promise<Tarball> {
  const source = join(root, 'packages', name)
  const release = join(source, 'build/Release')
  // What lies there may be older than its sources; nothing is done where it is not.
  const built = await command('npm', ['run', 'build:native'], { cwd: source })
  if (built.code !== 0) throw new Error(`The native part of ${name} cannot be built here.\n${tail(built)}`)
  const [addon] = (await readdir(release).catch(() => [])).filter((file) => file.endsWith('.node'))
  if (addon === undefined) throw new Error(`${release} has no addon.`)
  const { name: owner, version, license } = manifestSchema.parse(JSON.parse(await readFile(join(source, 'package.json'), 'utf8')))
  const own = `${owner}-${nativePlatform()}`
  const folder = await mkdtemp(join(tmpdir(), 'qt-platform-'))
  try {
    const manifest = {
      ...{ name: own, version, license, ...platform(), main: addon, files: [addon, 'THIRD_PARTY_NOTICES'] },
      description: `The native part of ${owner}.`,
      engines: { node: '>=20.19' },
    }
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, null, 2))
    await writeFile(join(folder, 'README.md'), `The native part of ${owner}, which loads it when it is installed beside it.\n`)
    await copyFile(join(release, addon), join(folder, addon))
    for (const file of ['LICENSE', 'THIRD_PARTY_NOTICES']) await copyFile(join(root, file), join(folder, file))
    await mkdir(into, { recursive: true })
    return await pack({ name: own, folder, dependencies: [] }, resolve(into))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string', default: '.' } } })
  if (positionals.length === 0) throw new Error('Name packages with a native part: quantize, trainer-native.')
  for (const name of positionals) console.log((await packPlatform(name, values.out)).path)
}
