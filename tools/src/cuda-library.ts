import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { command, tail } from './command.js'
import { buildNative } from './native.js'

/** What npm's users load with the package; the limit keeps an install short. */
export const mostLibraryBytes = 60e6

/** The GPU's library with machine code for every architecture that it knows, without symbols; throws where that cannot be. */
export async function buildCudaLibrary(into: string): Promise<string> {
  if ((await command('nvcc', ['--version'])).code !== 0)
    throw new Error("The GPU's library cannot be built here: nvcc is not installed.")
  // Named, for the folder may have been configured for one of them.
  const flags = ['-DCMAKE_BUILD_TYPE=Release', '-DQT_CUDA=ON', '-DQT_CUDA_ARCHITECTURES=80;86;89;90', '-DQT_BUILD_TESTS=OFF']
  const built = await buildNative('trainer-native', 'cuda', flags, 'qt_cuda')
  if (typeof built === 'string') throw new Error(`The GPU's library cannot be built here: ${built}.`)
  await mkdir(into, { recursive: true })
  const library = join(into, 'libqt_cuda.so')
  const stripped = await command('strip', ['--strip-unneeded', '-o', library, join(built.build, 'cuda/libqt_cuda.so')])
  if (stripped.code !== 0) throw new Error(`The GPU's library cannot be stripped.\n${tail(stripped)}`)
  const { size } = await stat(library)
  if (size > mostLibraryBytes)
    throw new Error(`The GPU's library has ${size} bytes; ${mostLibraryBytes} is the most that is shipped.`)
  return library
}
