import type { Scoring } from '@qt/core'
import type { AnyModel } from '../likelihood/model.js'

/** A model that answers, or scores, in another way; what is not replaced goes to the model, which may be of a class. */
export function wrappedModel(
  model: AnyModel,
  { generate, scoring = model.scoring }: { readonly generate: AnyModel['generate']; readonly scoring?: Scoring | undefined },
): AnyModel {
  const { name, embedder, tokenizer, contextLength } = model
  return {
    name,
    generate,
    stream: (prompt, options) => model.stream(prompt, options),
    ...(scoring ? { scoring } : {}),
    ...(embedder ? { embedder } : {}),
    ...(tokenizer ? { tokenizer } : {}),
    ...(contextLength === undefined ? {} : { contextLength }),
    close: () => model.close(),
  }
}
