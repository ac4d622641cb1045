import type { Model } from '../model/model.js'

/** The same model with an output of its own, which begins as its embedding; for an adapter that changes one of them. */
export function untied(model: Model): Model {
  if (!model.spec.tiedEmbeddings) return model
  const spec = { ...model.spec, tiedEmbeddings: false }
  const output = { ...model.tensors.get('token_embd.weight')!, name: 'output.weight' }
  return {
    ...model,
    spec,
    description: { ...model.description, spec },
    tensors: new Map([...model.tensors, ['output.weight', output]]),
  }
}
