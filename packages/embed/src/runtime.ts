import { messageOf, QtError } from '@qt/core'

export type Runtime = typeof import('onnxruntime-node')

/**
 * onnxruntime-node, which weighs 290 MB, on first use. Its install script downloads CUDA from NuGet on Linux and fails without that network; the
 * processor's part lies in the package, so the printed line leaves the script out.
 */
export async function loadRuntime(): Promise<Runtime> {
  try {
    return await import('onnxruntime-node')
  } catch (cause) {
    throw new QtError({
      code: 'PACKAGE_MISSING',
      message: `Sentence embeddings need the package onnxruntime-node, which cannot be loaded: ${messageOf(cause)}.`,
      actions: [{ label: 'Install it.', command: 'npm install onnxruntime-node --ignore-scripts' }],
      cause,
    })
  }
}
