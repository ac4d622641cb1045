import type { Prompt } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { answerOptions, constraintOf, loadModel, modelFlags } from '../model-flags.js'

export const generate = defineVerb({
  name: 'generate',
  summary: 'Let a model answer a prompt.',
  details: 'The prompt is put as a question, by the chat template of the model; --raw continues the text as it stands.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: {
    ...modelFlags,
    prompt: { type: 'text', description: 'The prompt; left out: standard input.' },
    raw: { type: 'boolean', description: 'Continue the prompt as plain text, without the chat template.' },
  },
  examples: [
    'qt generate --model model.gguf --prompt "I search the altar"',
    'qt generate --model model.gguf --adapter runs/my-run/adapter --prompt "I search the altar" --temperature 0 --json',
    'qt generate --model model.gguf --prompt "A fighter of level 3, as JSON" --schema character.schema.json',
  ],
  async run({ flags, positionals, io }) {
    const text = flags.prompt ?? (await io.input())
    const system = flags.system === undefined ? [] : [{ role: 'system' as const, content: flags.system }]
    const prompt: Prompt = flags.raw ? text : [...system, { role: 'user', content: text }]
    const constraint = await constraintOf(flags)
    return withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal })
      try {
        const options = { ...answerOptions(flags), ...(constraint ? { constraint } : {}), signal }
        if (io.json) {
          const start = performance.now()
          const answer = await model.generate(prompt, options)
          const seconds = (performance.now() - start) / 1000
          io.document({ ...answer, seconds, tokensPerSecond: answer.tokens / seconds })
        } else {
          try {
            for await (const piece of model.stream(prompt, options)) io.out(piece)
          } finally {
            io.out('\n')
          }
        }
      } finally {
        await model.close()
      }
      return 0
    })
  },
})
