import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'

const model = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')
const [threads, tokens] = [2, 128]
const prompt =
  'The old inn stands where three roads meet. Travellers leave their boots by the door and their stories by the fire. '.repeat(20)

const measures = z.object({ promptTokensPerSecond: z.number(), tokensPerSecond: z.number() })

/** One conversation's speed: the same file, prompt and number of threads, ours against real llama.cpp. */
export const generate: MakeCase = async () => ({
  name: 'generate',
  title: `${tokens} tokens after a prompt of 481 on SmolLM2-135M in Q4_1, ${threads} threads`,
  conditions:
    'Likeliest tokens, each through its JavaScript interface; a first answer in each process is not counted, model file in the page cache.',
  metrics: [
    { key: 'tokensPerSecond', title: 'tokens/s', digits: 1, better: 'higher' },
    { key: 'promptTokensPerSecond', title: 'prompt tokens/s', digits: 0, better: 'higher' },
  ],
  inputs: existsSync(model) ? [model] : [],
  ours: [contender('@qt/trainer-native', 'generate-ours.ts')],
  peers: [contender('llama.cpp (node-llama-cpp)', 'generate-llama-cpp.ts')],
})

function contender(name: string, script: string): Contender | Absent {
  if (!existsSync(model)) return { name, absent: 'the model is not in .models (README, "The test model")' }
  return {
    name,
    command: [
      process.execPath,
      '--import',
      'tsx',
      join(root, 'tools/bench/contenders', script),
      model,
      `${threads}`,
      prompt,
      `${tokens}`,
    ],
    parse: ({ stdout }) => measures.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')),
  }
}
