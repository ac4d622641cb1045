import { createInterface } from 'node:readline'
import type { ChatMessage } from '@qt/core'
import { defineVerb } from '../args/verb.js'
import { answerOptions, constraintOf, loadModel, modelFlags } from '../model-flags.js'
import { errorText } from '../print/error.js'

const commands = '/reset  begin anew\n/help   this list\n/exit   leave (also Ctrl-D)\nCtrl-C  stop the answer, or leave\n'

export const chat = defineVerb({
  name: 'chat',
  summary: 'Talk with a model.',
  details: 'Ctrl-C stops an answer; /reset begins anew, /exit leaves. Reads lines from standard input, so it can be piped, too.',
  positionals: [{ name: 'MODEL', description: 'A GGUF file, a Hugging Face folder, or a hub id; the same as --model.' }],
  flags: modelFlags,
  examples: [
    'qt chat --model model.gguf --system "You are a dungeon master."',
    'qt chat --model model.gguf --adapter runs/my-run/adapter',
  ],
  async run({ flags, positionals, io }) {
    const constraint = await constraintOf(flags)
    const model = await loadModel(flags, positionals, { reusePrompts: true })
    const begin = (): ChatMessage[] => (flags.system === undefined ? [] : [{ role: 'system', content: flags.system }])
    let messages = begin()
    let answering: AbortController | undefined
    const person = process.stdin.isTTY === true
    const lines = createInterface({
      input: process.stdin,
      output: process.stderr,
      terminal: person,
      prompt: person ? '> ' : '',
    })
    const interrupt = () => (answering ? answering.abort() : lines.close())
    // Piped input ends before its last lines are answered.
    let closed = false
    lines.once('close', () => {
      closed = true
    })
    lines.on('SIGINT', interrupt)
    process.on('SIGINT', interrupt)
    if (person) io.note('/help shows what you can do.\n')
    try {
      lines.prompt()
      for await (const line of lines) {
        const text = line.trim()
        if (text === '/exit') break
        if (text === '/help') io.note(commands)
        else if (text === '/reset') messages = begin()
        else if (text !== '') {
          const question: ChatMessage = { role: 'user', content: text }
          answering = new AbortController()
          const answer = await say([...messages, question], answering.signal)
          answering = undefined
          if (answer !== undefined) messages.push(question, { role: 'assistant', content: answer })
        }
        if (!closed) lines.prompt()
      }
    } finally {
      process.off('SIGINT', interrupt)
      lines.close()
      await model.close()
    }
    io.document({ messages })
    return 0

    /** Streams the answer; what was said until Ctrl-C stays part of the conversation. A person at a terminal may go on after an error. */
    async function say(conversation: readonly ChatMessage[], signal: AbortSignal): Promise<string | undefined> {
      let answer = ''
      try {
        for await (const piece of model.stream(conversation, {
          ...answerOptions(flags),
          ...(constraint ? { constraint } : {}),
          signal,
        })) {
          answer += piece
          io.out(piece)
        }
      } catch (error) {
        if (!signal.aborted && !person) throw error
        if (!signal.aborted) {
          io.note(`\n${errorText(error, { verbose: false, color: io.color })}`)
          return undefined
        }
      }
      io.out('\n')
      return answer
    }
  },
})
