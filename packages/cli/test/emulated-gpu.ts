import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/*
 * The library for GPUs with an emulator in a GPU's place, and what plays NVIDIA's libraries beside it; ctest of trainer-native builds them. On
 * a machine that has a GPU QT_CUDA_LIBRARY names the real one, and QT_NCCL_LIBRARY and QT_CUBLASLT_LIBRARY what goes with it.
 */
const built = fileURLToPath(
  new URL('../../trainer-native/native/build/release/cuda/emulator/libqt_cuda_emulated.so', import.meta.url),
)
const given = process.env.QT_CUDA_LIBRARY
export const emulated = !given || given === built
export const cudaLibrary = given || built
// Emulated companions work on the processor's memory, so that they go with the emulator only.
const beside = (name: string) => (emulated ? built.replace('libqt_cuda_emulated', name) : '')
export const ncclLibrary = process.env.QT_NCCL_LIBRARY || beside('libqt_nccl_emulated')
export const cublasLtLibrary = process.env.QT_CUBLASLT_LIBRARY || beside('libqt_cublaslt_emulated')

/** Whether they are there; else one line says what is skipped. */
export function gpuLibraries(wanted: readonly string[], skipped: string): boolean {
  const there = wanted.every(existsSync)
  if (!there) console.log(`skipped: ${skipped} on GPUs, real or emulated (ctest of trainer-native builds the emulator)`)
  return there
}
