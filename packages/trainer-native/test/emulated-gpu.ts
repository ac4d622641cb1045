import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, vi } from 'vitest'

/** The library for GPUs with an emulator in a GPU's place, which ctest builds; on a machine that has a GPU QT_CUDA_LIBRARY takes another. */
const emulated = fileURLToPath(new URL('../native/build/release/cuda/emulator/libqt_cuda_emulated.so', import.meta.url))
const library = process.env.QT_CUDA_LIBRARY || emulated
/** What only an emulator can be told: how much memory others have. */
export const isEmulated = library === emulated

/** Where it is, or undefined with one line that says what is skipped. */
export function emulatedGpu(skipped: string): string | undefined {
  if (existsSync(library)) return library
  console.log(`skipped: ${skipped} on the emulated GPU (ctest of trainer-native has not built it)`)
  return undefined
}

/** Within a group of tests the engine finds it as it would find a GPU's. */
export function useEmulatedGpu(): void {
  beforeAll(() => {
    vi.stubEnv('QT_CUDA_LIBRARY', library)
    return () => vi.unstubAllEnvs()
  })
}
