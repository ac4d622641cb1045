import { readGguf, replaceFile } from '@qt/weights'
import { importanceFromGguf, importanceToGguf } from './gguf.js'
import type { Importance } from './importance.js'
import { importanceFromLegacy, importanceToLegacy } from './legacy.js'

/**
 * Reads an importance matrix, as GGUF or in llama.cpp's older form.
 *
 * @example
 * ```ts
 * const importance = await readImportance('imatrix.gguf')
 * await quantize('model-f16.gguf', 'model.gguf', { type: 'Q4_K_M', importance })
 * ```
 */
export async function readImportance(path: string): Promise<Importance> {
  const { open, readFile } = await import('node:fs/promises')
  const handle = await open(path)
  try {
    const { buffer } = await handle.read(new Uint8Array(4), 0, 4, 0)
    if (new TextDecoder().decode(buffer) === 'GGUF') return await importanceFromGguf(await readGguf(path))
  } finally {
    await handle.close()
  }
  return importanceFromLegacy(await readFile(path), path)
}

/** Writes an importance matrix as GGUF, or in llama.cpp's older form when the name ends in .dat; whole or not at all. */
export async function writeImportance(path: string, importance: Importance): Promise<void> {
  if (!path.endsWith('.dat')) return importanceToGguf(path, importance)
  const { writeFile } = await import('node:fs/promises')
  await replaceFile(path, (temporary) => writeFile(temporary, importanceToLegacy(importance), { flush: true }))
}
