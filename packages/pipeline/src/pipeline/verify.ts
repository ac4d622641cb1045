import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type ChatMessage, chatExampleSchema, messageOf, QtError } from '@qt/core'
import { encodeChat } from '@qt/data'
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
  const { emit, signal } = workshop
  return stage(workshop, {
    name: 'verify',
    inputs: { files: await Promise.all(files.map(hashPath)), llama: typeof judge !== 'string' },
    result: resultSchema,
    async work() {
      const question = await firstQuestion(workshop.config.output)
      const checked: Verified['files'] = []
      for (const [index, file] of files.entries()) {
        signal.throwIfAborted()
        const name = basename(file)
        emit({ type: 'progress', stage: 'verify', text: name, done: index, total: files.length })
        const { tensors } = await inspect(file)
        const model = await load(file, { signal })
        let engine: string
        let prompt: number[]
        try {
          prompt = [...encodeChat(question, model.tokenizer, { addGenerationPrompt: true })]
          engine = (await model.generate(question, { maxTokens, temperature: 0, signal })).text
        } finally {
          await model.close()
        }
        const llama =
          typeof judge === 'string'
            ? undefined
            : await judge.generate(file, prompt, maxTokens).catch((cause: unknown) => refuse(name, cause))
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

/** How the first held-out conversation begins, or where nothing is held out, the first that was trained on. */
async function firstQuestion(output: string): Promise<ChatMessage[]> {
  for (const name of [dataFiles.heldOut, dataFiles.train])
    for (const line of (await readFile(join(output, name), 'utf8')).split('\n').filter(Boolean)) {
      const { messages } = chatExampleSchema.parse(JSON.parse(line))
      const asked = messages.findIndex(({ role }) => role === 'user')
      if (asked !== -1) return messages.slice(0, asked + 1)
    }
  return [{ role: 'user', content: 'I look around. What do I see?' }]
}

function refuse(name: string, cause: unknown): never {
  throw new QtError({
    code: 'PIPELINE_LLAMA_REFUSES',
    message: `llama.cpp does not load ${name}: ${messageOf(cause)}`,
    actions: ['Please report it with the file: every file that is made here must load in llama.cpp.'],
    cause,
  })
}
