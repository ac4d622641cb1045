import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { nativePlatform } from '@qt/core'
import { z } from 'zod'
import { command, tail } from './command.js'
import { buildCudaLibrary } from './cuda-library.js'
import { pack, type Tarball } from './packages.js'
import { root } from './root.js'

/*
 * Builds the native part of a package, or the engine's library for NVIDIA GPUs, and packs it into the package of this platform that its loader looks for.
 * usage: npm run platform-package -- quantize [trainer-native trainer-cuda …] [--out FOLDER]
 */

const manifestSchema = z.object({ version: z.string(), license: z.string() })

/** The platform that a build made here runs on, as npm's manifests say it. */
function platform() {
  const { platform: os, arch: cpu } = process
  if (os !== 'linux') return { os: [os], cpu: [cpu] }
  return { os: [os], cpu: [cpu], libc: [nativePlatform().endsWith('-musl') ? 'musl' : 'glibc'] }
}

interface NativePart {
  /** Without the platform: `@qt/quantize`. */
  readonly name: string
  /** The package whose version it has, which is its own. */
  readonly of: string
  readonly description: string
  /** The one file that is loaded. */
  readonly file: string
}

/** A tarball of `@qt/NAME-linux-x64`, say (`-linux-x64-musl` where that is the C library), in a folder. */
async function packPart({ name, of, description, file }: NativePart, into: string): Promise<Tarball> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(root, 'packages', of, 'package.json'), 'utf8')))
  const { version, license } = manifest
  const own = `${name}-${nativePlatform()}`
  const main = basename(file)
  const folder = await mkdtemp(join(tmpdir(), 'qt-platform-'))
  try {
    const written = {
      ...{ name: own, version, license, ...platform(), main, files: [main, 'THIRD_PARTY_NOTICES'] },
      description,
      engines: { node: '>=20.19' },
    }
    await writeFile(join(folder, 'package.json'), JSON.stringify(written, null, 2))
    await writeFile(join(folder, 'README.md'), `${description} It is loaded by @qt/${of} when it is installed beside it.\n`)
    await copyFile(file, join(folder, main))
    for (const notice of ['LICENSE', 'THIRD_PARTY_NOTICES']) await copyFile(join(root, notice), join(folder, notice))
    await mkdir(into, { recursive: true })
    return await pack({ name: own, folder, dependencies: [] }, resolve(into))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The addon of a package, built first. */
export async function packPlatform(name: string, into: string): Promise<Tarball> {
  const source = join(root, 'packages', name)
  const release = join(source, 'build/Release')
  // What lies there may be older than its sources; nothing is done where it is not.
  const built = await command('npm', ['run', 'build:native'], { cwd: source })
  if (built.code !== 0) throw new Error(`The native part of ${name} cannot be built here.\n${tail(built)}`)
  const [addon] = (await readdir(release).catch(() => [])).filter((file) => file.endsWith('.node'))
  if (addon === undefined) throw new Error(`${release} has no addon.`)
  return packPart(
    { name: `@qt/${name}`, of: name, description: `The native part of @qt/${name}.`, file: join(release, addon) },
    into,
  )
}

/** The engine's library for NVIDIA GPUs; `library`: this one, not one that is built here. */
export async function packCuda(into: string, library?: string): Promise<Tarball> {
  const folder = await mkdtemp(join(tmpdir(), 'qt-cuda-'))
  try {
    const file = join(folder, 'libqt_cuda.so')
    if (library === undefined) await buildCudaLibrary(folder)
    else await copyFile(library, file)
    const description = "The engine's part for NVIDIA GPUs."
    return await packPart({ name: '@qt/trainer-cuda', of: 'trainer-native', description, file }, into)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string', default: '.' } } })
  if (positionals.length === 0) throw new Error('Name what has a native part: quantize, trainer-native, trainer-cuda.')
  for (const name of positionals) {
    const { path } = name === 'trainer-cuda' ? await packCuda(values.out) : await packPlatform(name, values.out)
    console.log(path)
  }
}
