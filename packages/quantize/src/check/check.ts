import { createHash } from 'node:crypto'
import { messageOf, QtError, usageError } from '@qt/core'
import { type Gguf, metadataString, openModel, readWholeGguf } from '@qt/weights'
import { tokenizerProblems } from './tokenizer.js'
import { firstNotFinite } from './values.js'

export interface CheckFinding {
  /** An error makes the model useless or unreadable; advice does not. */
  readonly level: 'error' | 'advice'
  readonly code: string
  readonly message: string
  /** The tensor or the metadata key. */
  readonly field?: string | undefined
}

export interface CheckReport {
  readonly path: string
  readonly ok: boolean
  readonly findings: readonly CheckFinding[]
  readonly tensors: number
  /** Of every file, in order. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[]
}

export interface CheckOptions {
  /** What the checksum of the (first) file must be. */
  readonly sha256?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onTensor?: ((name: string, done: number, total: number) => void) | undefined
}

/**
 * Reads a GGUF model from end to end: structure, shapes, whether all numbers are finite, whether the tokenizer fits, checksums.
 * What is wrong with the file is found, not thrown.
 *
 * @example
 * ```ts
 * const { ok, findings } = await checkModel('model.gguf')
 * ```
 */
export async function checkModel(path: string, options: CheckOptions = {}): Promise<CheckReport> {
  const findings: CheckFinding[] = []
  const add = (level: CheckFinding['level'], code: string, message: string, field?: string) =>
    findings.push({ level, code, message, field })
  let gguf: Gguf
  try {
    gguf = await readWholeGguf(path)
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    return { path, ok: false, findings: [found(error)], tensors: 0, files: [] }
  }
  await openModel(path, { signal: options.signal }).catch((error: unknown) => {
    if (!QtError.isInstance(error)) throw error
    // What is not known here may still be a fine model elsewhere.
    findings.push(found(error, /UNSUPPORTED|NOT_A_MODEL/.test(error.code) ? 'advice' : 'error'))
  })
  if ((metadataString(gguf.metadata, 'general.type') ?? 'model') === 'model')
    for (const { level, key, problem } of tokenizerProblems(gguf)) add(level, 'TOKENIZER_INCONSISTENT', problem, key)
  let done = 0
  for (const tensor of gguf.tensors.values()) {
    const position = await firstNotFinite(gguf, tensor, options.signal).catch((error: unknown) => {
      if (options.signal?.aborted) throw error
      add('error', 'TENSOR_UNREADABLE', `The tensor ${tensor.name} cannot be read: ${messageOf(error)}`, tensor.name)
    })
    if (position === 'unknown')
      add('advice', 'TYPE_UNSUPPORTED', `The numbers of ${tensor.name} (${tensor.type}) were not looked at.`, tensor.name)
    else if (position !== undefined && position >= 0)
      add('error', 'QUANT_NOT_FINITE', `Value ${position} of ${tensor.name} is not a finite number.`, tensor.name)
    options.onTensor?.(tensor.name, ++done, gguf.tensors.size)
  }
  const names = [...new Set([path, ...[...gguf.tensors.values()].map(({ file }) => file)])]
  const files: { path: string; bytes: number; sha256: string }[] = []
  for (const name of names) files.push(await checksum(name, options.signal))
  const expected = options.sha256?.toLowerCase()
  if (expected !== undefined && files[0]?.sha256 !== expected)
    add('error', 'CHECKSUM_DIFFERS', `The SHA-256 of ${path} is ${files[0]?.sha256}, not ${expected}.`)
  return { path, ok: !findings.some(({ level }) => level === 'error'), findings, tensors: gguf.tensors.size, files }
}

/** Throws the first error of a report, for programs that want no list. */
export function assertSound({ path, findings }: CheckReport): void {
  const error = findings.find(({ level }) => level === 'error')
  if (error === undefined) return
  throw usageError('MODEL_UNSOUND', `${path} is not sound. ${error.message}`, {
    where: { file: path, ...(error.field === undefined ? {} : { field: error.field }) },
    actions: ['Download or make the file again.', 'See everything that is wrong: qt check FILE.'],
  })
}

const found = (error: QtError, level: CheckFinding['level'] = 'error'): CheckFinding => ({
  level,
  code: error.code,
  message: error.message,
  field: error.where?.field,
})

async function checksum(path: string, signal: AbortSignal | undefined) {
  const { createReadStream } = await import('node:fs')
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20, signal }) as AsyncIterable<Buffer>) {
    hash.update(piece)
    bytes += piece.length
  }
  return { path, bytes, sha256: hash.digest('hex') }
}
