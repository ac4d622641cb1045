import { usageError } from '@qt/core'
import {
  decodeBlocks,
  type Gguf,
  type MetadataValue,
  metadataNumber,
  metadataString,
  metadataStrings,
  writeGguf,
} from '@qt/weights'
import { checkEntry, type Importance, type ImportanceEntry } from './importance.js'

const sums = '.in_sum2'
const counts = '.counts'

/** The form of llama.cpp since 2025: a GGUF of type "imatrix" with `NAME.in_sum2` [matrices, columns] and `NAME.counts` [matrices, 1]. */
export async function importanceFromGguf(gguf: Gguf): Promise<Importance> {
  if (metadataString(gguf.metadata, 'general.type') !== 'imatrix')
    throw usageError('IMPORTANCE_DAMAGED', `${gguf.name} is no importance matrix but a GGUF file of another kind.`, {
      where: { file: gguf.name, field: 'general.type' },
      actions: ['Give the file that llama-imatrix or qt wrote.'],
    })
  const numbers = async (name: string): Promise<Float32Array> => {
    const info = gguf.tensors.get(name)
    return info?.type === 'F32' ? decodeBlocks('F32', await gguf.read(name)) : new Float32Array(0)
  }
  const entries = new Map<string, ImportanceEntry>()
  for (const tensor of gguf.tensors.keys()) {
    if (!tensor.endsWith(sums)) continue
    const name = tensor.slice(0, -sums.length)
    const entry = { sums: await numbers(tensor), counts: await numbers(name + counts) }
    checkEntry(name, entry, gguf.name)
    entries.set(name, entry)
  }
  return {
    entries,
    datasets: metadataStrings(gguf.metadata, 'imatrix.datasets') ?? [],
    chunks: metadataNumber(gguf.metadata, 'imatrix.chunk_count') ?? 0,
    chunkSize: metadataNumber(gguf.metadata, 'imatrix.chunk_size') ?? 0,
  }
}

export async function importanceToGguf(path: string, { entries, datasets, chunks, chunkSize }: Importance): Promise<void> {
  const metadata = new Map<string, MetadataValue>([
    ['general.type', { type: 'STRING', value: 'imatrix' }],
    ['imatrix.datasets', { type: 'ARRAY', of: 'STRING', value: datasets }],
    ['imatrix.chunk_count', { type: 'UINT32', value: chunks }],
    ['imatrix.chunk_size', { type: 'UINT32', value: chunkSize }],
  ])
  const tensors = [...entries].flatMap(([name, entry]) => [
    tensor(name + sums, entry.sums, entry.counts.length),
    tensor(name + counts, entry.counts, entry.counts.length),
  ])
  await writeGguf(path, { metadata, tensors })
}

const tensor = (name: string, values: Float32Array, rows: number) => ({
  name,
  type: 'F32' as const,
  shape: [rows, values.length / rows],
  data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
})
