import { readFile } from 'node:fs/promises'
import { usageError } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { answerOptions, loadModel, modelFlags } from '../model-flags.js'
import { need } from '../need.js'

const { system: _system, schema: _schema, grammar: _grammar, stop: _stop, ...shared } = modelFlags

export const serve = defineVerb({
  name: 'serve',
  summary: 'Serve a model over HTTP, as OpenAI does.',
  details:
    'Chats, completions and embeddings under http://HOST:PORT/v1, for any OpenAI client. A token that requests must carry comes from --token-file or QT_SERVE_TOKEN; without one only this machine is answered. --temperature and the like are for requests that name none. Ctrl-C lets answers end, for 10 seconds.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: {
    ...shared,
    'max-tokens': {
      type: 'number',
      description: 'Longest answer (default 2048); what a chat gets that names no length, a completion gets 16.',
    },
    port: { type: 'number', description: 'Where to listen (default 8080); 0 takes a port that is free.' },
    host: { type: 'text', value: 'ADDRESS', description: 'Default 127.0.0.1: this machine only.' },
    name: { type: 'text', description: 'What requests call the model; left out: its own name.' },
    'token-file': { type: 'text', value: 'FILE', description: 'Tokens that requests may carry, one a line.' },
    open: { type: 'boolean', description: 'Let everybody who reaches the address use the model without a token.' },
    concurrent: { type: 'number', description: 'Requests answered at the same time (default 8).' },
    queue: { type: 'number', description: 'Requests that may wait for their turn (default 64).' },
    'max-body': { type: 'number', value: 'BYTES', description: 'Largest request (default 4000000).' },
    'max-seconds': { type: 'number', value: 'N', description: 'Longest time for a request, waiting included (default 600).' },
    'tool-form': {
      type: 'text',
      value: 'NAME',
      description: 'How the model calls tools: brackets, template or auto (default auto).',
    },
  },
  examples: [
    'qt serve model.gguf --port 8080',
    'qt serve --model model.gguf --adapter runs/my-run/adapter --name game-master',
    'qt serve model.gguf --host 0.0.0.0 --token-file tokens.txt --concurrent 4',
  ],
  async run({ flags, positionals, io }) {
    const toolForm = flags['tool-form'] ?? 'auto'
    if (toolForm !== 'auto' && toolForm !== 'brackets' && toolForm !== 'template')
      throw usageError('USAGE_BAD_VALUE', `--tool-form must be brackets, template or auto, not "${toolForm}".`, {
        actions: ['Leave --tool-form out.'],
      })
    const { maxTokens: _, ...defaults } = answerOptions({
      ...flags,
      system: undefined,
      schema: undefined,
      grammar: undefined,
      stop: undefined,
    })
    const tokens = await tokensOf(flags['token-file'])
    const { serve } = await need('@qt/serve', () => import('@qt/serve'))
    const { concurrent, queue, 'max-body': bodyBytes, 'max-seconds': seconds, 'max-tokens': maxTokens } = flags
    return withInterrupt(async (signal) => {
      const model = await loadModel(flags, positionals, { signal, parallel: concurrent ?? 8 })
      try {
        const server = await serve(flags.name === undefined ? model : { name: flags.name, model }, {
          ...(flags.port === undefined ? {} : { port: flags.port }),
          ...(flags.host === undefined ? {} : { host: flags.host }),
          tokens,
          open: flags.open === true,
          toolForm,
          defaults,
          limits: {
            ...(concurrent === undefined ? {} : { concurrent }),
            ...(queue === undefined ? {} : { queue }),
            ...(bodyBytes === undefined ? {} : { bodyBytes }),
            ...(seconds === undefined ? {} : { seconds }),
            ...(maxTokens === undefined ? {} : { maxTokens }),
          },
          onError: (error, id) => io.note(`${id}  ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`),
          onRequest: ({ id, method, path, status, seconds }) =>
            io.note(`${new Date().toISOString()}  ${status}  ${method} ${path}  ${seconds.toFixed(2)} s  ${id}\n`),
        })
        const [name] = server.models
        io.out(`Serving ${name} at ${server.url}/v1. Ctrl-C stops.\n`)
        io.document({ url: server.url, port: server.port, models: server.models })
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve()
          else signal.addEventListener('abort', () => resolve(), { once: true })
        })
        io.note('Stopping: answers in hand may end. Ctrl-C again stops at once.\n')
        await server.close()
      } finally {
        await model.close()
      }
      return 0
    })
  },
})

async function tokensOf(file: string | undefined): Promise<string[]> {
  const given = process.env.QT_SERVE_TOKEN
  const text = file === undefined ? '' : await readFile(file, 'utf8')
  const tokens = [...text.split(/\r?\n/).map((line) => line.trim()), given ?? ''].filter((token) => token !== '')
  if (file !== undefined && text.trim() === '')
    throw usageError('SERVE_TOKEN', 'The file of tokens is empty.', {
      where: { file },
      actions: ['Write a token into it, one a line.'],
    })
  return tokens
}
