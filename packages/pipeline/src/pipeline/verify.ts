import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type ChatMessage, chatExampleSchema, messageOf, QtError } from '@qt/core'
import { load } from '@qt/trainer-native'
import { inspect } from '@qt/weights'
import { z } from 'zod'
import { hashPath } from './hashing.js'
import { type LlamaCpp, llamaCpp } from './llama-cpp.js'
import { stage, type Workshop } from './stage.js'
import { dataFiles } from './validate.js'

const resultSchema = z.object({
  /** What the player says to all of them. */
  asked: z.string(),
  files: z.array(z.object({ name: z.string(), tensors: z.number(), engine: z.string(), llama: z.string().optional() })),
  /** Why llama.cpp was not asked. */
  note: z.string().optional(),
})
export type Verified = z.infer<typeof resultSchema>

const maxTokens = 32

/** Opens every file, checks its structure, and lets our engine and, where it is installed, llama.cpp answer the same player. */
export async function verify(workshop: Workshop, files: readonly string[]): Promise<Verified> {
  const judge = workshop.config.llamaCpp ? await llamaCpp() : 'llama.cpp was not asked: pipeline.yaml says so'
  try {
    return await check(workshop, files, judge)
  } finally {
    if (typeof judge !== 'string') await judge.close()
  }
}

async function check(workshop: Workshop, files: readonly string[], judge: LlamaCpp | string): Promise<Verified> {
  const { config, emit, signal } = workshop
  const questions = await firstQuestions(config.output)
  return stage(workshop, {
    name: 'verify',
    inputs: { files: await Promise.all(files.map(hashPath)), questions, maxTokens, llama: typeof judge !== 'string' },
    result: resultSchema,
    async work() {
      let question = lookingAround
      const checked: Verified['files'] = []
      for (const [index, file] of files.entries()) {
        signal.throwIfAborted()
        const name = basename(file)
        emit({ type: 'progress', stage: 'verify', text: name, done: index, total: files.length })
        const { tensors } = await inspect(file)
        const model = await load(file, { device: config.device, parallel: 1, signal })
        let engine: string
        let prompt: number[]
        try {
          // The first file decides for all of them.
          if (index === 0)
            question = questions.find((one) => model.encode(one).length + maxTokens < model.contextLength) ?? question
          prompt = [...model.encode(question)]
          engine = (await model.generate(question, { maxTokens, temperature: 0, signal })).text
        } finally {
          await model.close()
        }
        const llama =
          typeof judge === 'string'
            ? undefined
            : await judge.generate(file, prompt, { maxTokens, signal }).catch((cause: unknown) => {
                signal.throwIfAborted()
                return refuse(name, cause)
              })
        checked.push({ name, tensors: tensors.length, engine, ...(llama === undefined ? {} : { llama }) })
        emit({ type: 'progress', stage: 'verify', text: name, done: index + 1, total: files.length })
      }
      return {
        result: { asked: question.at(-1)!.content, files: checked, ...(typeof judge === 'string' ? { note: judge } : {}) },
        outputs: [],
      }
    },
    summary: ({ files: list, note }) => `${list.length} files open and answer${note ? `; ${note}` : ', in llama.cpp too'}`,
  })
}

const lookingAround: readonly ChatMessage[] = [{ role: 'user', content: 'I look around. What do I see?' }]

/** How the first held-out conversations begin, or where nothing is held out, those that were trained on. */
async function firstQuestions(output: string): Promise<ChatMessage[][]> {
  for (const name of [dataFiles.heldOut, dataFiles.train]) {
    const lines = (await readFile(join(output, name), 'utf8')).split('\n').filter(Boolean).slice(0, 8)
    if (lines.length === 0) continue
    return lines.flatMap((line) => {
      const { messages } = chatExampleSchema.parse(JSON.parse(line))
      const asked = messages.findIndex(({ role }) => role === 'user')
      return asked === -1 ? [] : [messages.slice(0, asked + 1)]
    })
  }
  return []
}

function refuse(name: string, cause: unknown): never {
  throw new QtError({
    code: 'PIPELINE_LLAMA_REFUSES',
    message: `llama.cpp does not load or answer from ${name}: ${messageOf(cause)}`,
    actions: ['Please report it with the file: every file that is made here must load in llama.cpp.'],
    cause,
  })
}
