import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { command } from '../src/command.js'
import { buildCudaLibrary, mostLibraryBytes } from '../src/cuda-library.js'

const compiler = (await command('nvcc', ['--version'])).code === 0
if (!compiler) console.log("The GPU's library is not built: nvcc is not installed.")

/** What nvcc put into a library: `sm_90` for machine code, `compute_90` for PTX. Its entries have a header each, behind one of all of them. */
function architectures(library: Buffer): string[] {
  const magic = Buffer.from([0x50, 0xed, 0x55, 0xba])
  const found = new Set<string>()
  for (let at = library.indexOf(magic); at >= 0; at = library.indexOf(magic, at + 1)) {
    const begin = at + library.readUInt16LE(at + 6)
    const end = begin + Number(library.readBigUInt64LE(at + 8))
    if (end > library.length) continue
    for (let entry = begin; entry < end; ) {
      const kind = library.readUInt16LE(entry)
      found.add(`${kind === 1 ? 'compute' : 'sm'}_${library.readUInt32LE(entry + 28)}`)
      entry += library.readUInt32LE(entry + 4) + Number(library.readBigUInt64LE(entry + 8))
    }
  }
  return [...found].sort()
}

const shipped = ['compute_90', 'sm_80', 'sm_86', 'sm_89', 'sm_90']

test.skipIf(!compiler)(`the library that is shipped has ${shipped.join(', ')}, and is small`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-cuda-'))
  try {
    const library = await buildCudaLibrary(folder)
    const bytes = await readFile(library)
    console.log(`libqt_cuda.so: ${(bytes.length / 1e6).toFixed(1)} MB`)
    expect(bytes.length).toBeLessThan(mostLibraryBytes)
    expect(architectures(bytes)).toEqual(shipped)
    // Of the toolkit and of the C++ run time nothing is asked of the user's machine.
    const needs = (await command('readelf', ['-d', library])).stdout.match(/(?<=NEEDED.*\[)[^\]]+/g) ?? []
    expect(needs).toContain('libc.so.6')
    expect(needs.filter((name) => /cuda|stdc\+\+|libgcc/.test(name))).toEqual([])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
