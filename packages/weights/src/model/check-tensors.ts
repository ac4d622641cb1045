import { rowBytes, type TensorInfo, usageError } from '@qt/core'
import type { ModelDescription } from './build-spec.js'
import { type ExpectedTensor, expectedTensors } from './shapes.js'

/**
 * The tensors of a model under canonical names, all there, all of the right shape, none left over. Projections that lie in one
 * tensor become one entry each, of their rows.
 */
export function checkTensors(
  description: ModelDescription,
  found: ReadonlyMap<string, TensorInfo>,
  file: string,
  world: 'name' | 'huggingFace',
  ignored: readonly RegExp[],
): Map<string, TensorInfo> {
  const { architecture, spec } = description
  if (spec.layers > found.size)
    throw usageError(
      'TENSOR_MISSING',
      `The configuration asks for ${spec.layers} layers; the weights have ${found.size} tensors in all.`,
      {
        where: { file },
      },
    )
  const tensors = new Map<string, TensorInfo>()
  const used = new Set<string>()
  for (const expected of expectedTensors(architecture, spec)) {
    const name = expected[world]
    const info = found.get(name)
    if (info === undefined)
      throw usageError('TENSOR_MISSING', `The tensor ${name} is missing: a model of this configuration has it.`, {
        where: { file, field: name },
        actions: ['Download or export the model again.'],
      })
    if (info.shape.length !== expected.shape.length || info.shape.some((size, i) => size !== expected.shape[i]))
      throw usageError(
        'TENSOR_SHAPE',
        `The tensor ${name} has the shape [${info.shape.join(', ')}] where the configuration asks for [${expected.shape.join(', ')}].`,
        { where: { file: info.file, field: name }, actions: ['Check that configuration and weights belong together.'] },
      )
    used.add(name)
    for (const tensor of separated(expected, info)) tensors.set(tensor.name, tensor)
  }
  const tiedNames = architecture.tensors.filter((entry) => entry.tied && spec.tiedEmbeddings).map((entry) => entry[world])
  for (const [name, info] of found)
    if (!used.has(name) && !tiedNames.includes(name) && !ignored.some((pattern) => pattern.test(name)))
      throw usageError(
        'TENSOR_UNKNOWN',
        `The tensor ${name} is none that a ${architecture.name} model has, so it would be left out.`,
        {
          where: { file: info.file, field: name },
          actions: ['Use a model without it.'],
        },
      )
  return tensors
}

function* separated(expected: ExpectedTensor, info: TensorInfo): Generator<TensorInfo> {
  if (expected.parts === undefined) return yield { ...info, name: expected.name }
  let { offset } = info
  for (const { name, shape } of expected.parts) {
    const width = rowBytes(info.type, shape[1]!)
    if (width === undefined)
      throw usageError('TENSOR_SHAPE', `Rows of ${shape[1]} columns of ${info.name} are no blocks of ${info.type}.`, {
        where: { file: info.file, field: info.name },
      })
    const bytes = shape[0]! * width
    yield { ...info, name, shape, offset, bytes }
    offset += bytes
  }
}
