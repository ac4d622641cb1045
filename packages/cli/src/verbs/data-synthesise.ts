import { usageError } from '@qt/core'
import type { SynthesisTask } from '@qt/data'
import { defineVerb } from '../args/verb.js'
import { measuredFlags, measuredModel } from '../eval/measured-model.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { plural } from './data-scenarios.js'

export const dataSynthesise = defineVerb({
  name: 'data synthesise',
  summary: 'Have a model write examples, or say those that there are in other words.',
  details:
    'Records with a prompt (and system, category) are what the model is asked: it answers with one example as JSON. With --paraphrase they are examples, whose questions it words anew; answers stay. What is wrong or nearly the same as before is told to the model and asked again.',
  positionals: [{ name: 'PATH', required: true, description: 'A file, a folder, a pattern or an http(s) address.' }],
  flags: {
    ...measuredFlags,
    out: { type: 'text', value: 'FILE', required: true, description: 'Where to write: .jsonl, .json, .csv or .tsv, also .gz.' },
    paraphrase: { type: 'number', value: 'N', description: 'Say each record in N other ways.' },
    retries: { type: 'number', value: 'N', description: 'How often the model is asked again. Default 2.' },
    temperature: { type: 'number', value: 'T', description: 'Randomness. Default 0.9.' },
    'max-tokens': { type: 'number', value: 'N', description: 'Longest answer, in tokens. Default 1024.' },
    seed: { type: 'number', value: 'N', description: 'Default 1.' },
  },
  examples: [
    'qt data synthesise prompts.jsonl --model model.gguf --out examples.jsonl',
    'qt data synthesise rules.jsonl --paraphrase 3 --server http://127.0.0.1:8080/v1 --model local --out more.jsonl',
  ],
  async run({ flags, positionals, io }) {
    const { findFiles, openRecordWriter, paraphraseTasks, readRecords, synthesise } = await need(
      '@qt/data',
      () => import('@qt/data'),
    )
    const { out, paraphrase, retries, temperature = 0.9, 'max-tokens': maxTokens = 1024, seed } = flags
    async function* records(signal: AbortSignal) {
      for (const file of await findFiles(positionals[0]!, { signal })) yield* readRecords(file)
    }
    async function* values(signal: AbortSignal) {
      for await (const { value } of records(signal)) yield value
    }
    async function* asked(signal: AbortSignal): AsyncGenerator<SynthesisTask> {
      for await (const { value, where } of records(signal)) {
        const { prompt, system, category } = value
        if (typeof prompt !== 'string')
          throw usageError('USAGE_BAD_VALUE', 'The record has no "prompt" to ask the model.', {
            where: { ...where, field: 'prompt' },
            actions: ['Write {"prompt": "…"}, or add --paraphrase 1 to have examples said in other words.'],
          })
        yield {
          prompt,
          ...(typeof system === 'string' ? { system } : {}),
          ...(typeof category === 'string' ? { category } : {}),
        }
      }
    }
    const result = await withInterrupt(async (signal) => {
      // The path is the data's; the model is named by --model alone.
      const { model } = await measuredModel(flags, [], { io, signal, identified: false })
      const writer = openRecordWriter(out)
      let [written, failed] = [0, 0]
      const onFailed = ({ prompt }: SynthesisTask, why: string) => {
        failed++
        io.note(`nothing for ${JSON.stringify(prompt.slice(0, 60))}: ${why}\n`)
      }
      try {
        const tasks = paraphrase === undefined ? asked(signal) : paraphraseTasks(values(signal), { variants: paraphrase })
        for await (const value of synthesise(model, tasks, { retries, temperature, maxTokens, seed, signal, onFailed })) {
          await writer.value(value)
          written++
        }
        await writer.end()
      } catch (error) {
        await writer.abandon()
        throw error
      } finally {
        await model.close()
      }
      return { out, model: model.name, written, failed }
    })
    io.out(`${plural(result.written, 'example')} of ${result.model} written to ${out}; ${result.failed} failed.\n`)
    io.document(result)
    return result.written === 0 ? 1 : 0
  },
})
