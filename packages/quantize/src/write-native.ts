import { QtError, tensorTypes } from '@qt/core'
import { type Gguf, replaceFile } from '@qt/weights'
import { type Binding, forcedKernels, type NativeOutcome, type NativeTensor } from './binding.js'
import type { PlannedFile } from './build-plan.js'
import { faultError, inTensor } from './fault.js'
import type { WriteOptions } from './write-options.js'

interface NativeOptions extends WriteOptions {
  readonly threads?: number | undefined
  readonly sync?: boolean | undefined
}

/** Quantises in C++, away from JavaScript's thread, into a temporary file beside the output. */
export async function writeNatively(
  native: Binding,
  source: Gguf,
  output: string,
  plan: PlannedFile,
  { onTensor, signal, threads, sync = true }: NativeOptions,
): Promise<void> {
  signal?.throwIfAborted()
  const { header, tensors: places, size } = plan.layout
  const inputs = [...new Set([...source.tensors.values()].map(({ file }) => file))]
  const tensors = plan.tensors.map(({ from, to, importance, source: { file, offset, shape } }, i): NativeTensor => {
    const columns = shape.at(-1) ?? 1
    return {
      input: inputs.indexOf(file),
      inputOffset: offset,
      from: tensorTypes[from].id,
      outputOffset: places[i]!.offset,
      to: tensorTypes[to].id,
      rows: shape.slice(0, -1).reduce((product, count) => product * count, 1),
      columns,
      importance: importance ?? null,
      matrixRows: shape.at(-2) ?? 1,
    }
  })
  const make = async (temporary: string) => {
    await begin(temporary, output, header, size)
    let thrown: { readonly error: unknown } | undefined
    const run = native.startFile(
      { inputs, output: temporary, threads: threads ?? native.availableProcessors(), tensors },
      (index) => {
        try {
          if (!thrown) onTensor?.(plan.tensors[index]!)
        } catch (error) {
          thrown = { error }
          run.stop()
        }
      },
      forcedKernels(),
    )
    signal?.addEventListener('abort', run.stop, { once: true })
    // Whoever aborted while the file was being begun is heard, too.
    if (signal?.aborted) run.stop()
    try {
      const outcome = await run.finished
      if (thrown) throw thrown.error
      signal?.throwIfAborted()
      refuse(outcome, source, output, plan)
      if (sync) await flush(temporary)
      signal?.throwIfAborted()
    } finally {
      signal?.removeEventListener('abort', run.stop)
    }
  }
  await replaceFile(output, make, { sync })
}

/** Writes the header and gives the file its size; zeros lie between the tensors. */
async function begin(temporary: string, output: string, header: Uint8Array, size: number): Promise<void> {
  const { open, statfs } = await import('node:fs/promises')
  const handle = await open(temporary, 'wx')
  try {
    const { bavail, bsize } = await statfs(temporary)
    if (bavail * bsize < size)
      throw new QtError({
        code: 'WRITE_FAILED',
        message: `${output} needs ${size} bytes, and the disk has only ${bavail * bsize} left.`,
        where: { file: output },
        actions: ['Free some space, or write to another disk.', 'Choose a type with fewer bits.'],
      })
    await handle.writeFile(header)
    await handle.truncate(size)
  } finally {
    await handle.close()
  }
}

/** The name is given only to a file that a power failure cannot take away. */
async function flush(temporary: string): Promise<void> {
  const { open } = await import('node:fs/promises')
  const handle = await open(temporary, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function refuse({ kind, tensor, fault, message }: NativeOutcome, source: Gguf, output: string, plan: PlannedFile): void {
  if (kind === 'done' || kind === 'aborted') return
  const {
    name,
    to,
    source: { file },
  } = plan.tensors[tensor]!
  if (kind === 'refused' && fault) throw inTensor(faultError(fault, to), name, source.name)
  const reading = kind === 'read-failed'
  throw new QtError({
    code: reading ? 'FILE_UNREADABLE' : 'WRITE_FAILED',
    message: reading ? `The tensor ${name} cannot be read: ${message}.` : `${output} cannot be written: ${message}.`,
    where: { file: reading ? file : output },
    actions: [
      reading
        ? 'Check that the file is whole and its disk is in order.'
        : 'Check the path, its permissions and the free space of the disk.',
    ],
  })
}
