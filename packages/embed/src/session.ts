import { readFile } from 'node:fs/promises'
import { messageOf, usageError } from '@qt/core'
import { meanPool } from './pool.js'
import { loadRuntime } from './runtime.js'

export interface Session {
  readonly dimensions: number
  /** Activations become integers by the range that they have over a whole batch. */
  readonly quantisesOnTheFly: boolean
  /** Vectors of length 1. */
  run(texts: readonly Uint32Array[]): Promise<Float32Array[]>
  close(): Promise<void>
}

export interface SessionOptions {
  readonly threads: number
  /** What config.json says; the graph may leave it open. */
  readonly dimensions: number | undefined
  readonly padId: number
}

const knownInputs = ['input_ids', 'attention_mask', 'token_type_ids']

/** An ONNX graph that gives the states of tokens, [texts, width, dimensions]. */
export async function openSession(file: string, options: SessionOptions): Promise<Session> {
  const { InferenceSession, Tensor } = await loadRuntime()
  const { padId } = options
  const wrong = (message: string, cause?: unknown) =>
    usageError('EMBED_MODEL', message, {
      where: { file },
      actions: ['Use an ONNX export of a sentence model, such as all-MiniLM-L6-v2.'],
      ...(cause === undefined ? {} : { cause }),
    })
  const quantisesOnTheFly = (await readFile(file)).includes('DynamicQuantizeLinear')
  const session = await InferenceSession.create(file, { intraOpNumThreads: options.threads, logSeverityLevel: 3 }).catch(
    (cause) => {
      throw wrong(`onnxruntime cannot read the model: ${messageOf(cause)}.`, cause)
    },
  )
  const strange = session.inputNames.filter((name) => !knownInputs.includes(name))
  const states = session.outputMetadata.find((output) => output.isTensor && output.shape.length === 3)
  const dimensions = states?.isTensor ? [states.shape[2], options.dimensions].find((size) => typeof size === 'number') : undefined
  if (strange.length > 0 || !session.inputNames.includes('input_ids') || states === undefined || typeof dimensions !== 'number') {
    await session.release()
    throw wrong(
      strange.length > 0
        ? `The model asks for ${strange.join(', ')}, which is not known here.`
        : 'The model does not turn input_ids into states of tokens (texts × tokens × dimensions).',
    )
  }
  return {
    dimensions,
    quantisesOnTheFly,
    async run(texts) {
      const width = Math.max(...texts.map(({ length }) => length))
      const size = texts.length * width
      const inputs = {
        input_ids: new BigInt64Array(size).fill(BigInt(padId)),
        attention_mask: new BigInt64Array(size),
        token_type_ids: new BigInt64Array(size),
      }
      texts.forEach((ids, text) => {
        inputs.input_ids.set(Array.from(ids, BigInt), text * width)
        inputs.attention_mask.fill(1n, text * width, text * width + ids.length)
      })
      const feeds = Object.entries(inputs)
        .filter(([name]) => session.inputNames.includes(name))
        .map(([name, values]) => [name, new Tensor('int64', values, [texts.length, width])] as const)
      const output = (await session.run(Object.fromEntries(feeds), [states.name]))[states.name]
      if (!(output?.data instanceof Float32Array) || output.data.length !== size * dimensions)
        throw wrong(`The model gives ${output?.type ?? 'no'} states where float32 ones of ${dimensions} dimensions are expected.`)
      return meanPool(
        output.data,
        texts.map(({ length }) => length),
        width,
        dimensions,
      )
    },
    close: () => session.release(),
  }
}
