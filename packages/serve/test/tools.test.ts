import type OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import { client, server } from './support.js'

const roll: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'roll',
    description: 'Roll for a skill.',
    parameters: { type: 'object', properties: { what: { type: 'string', enum: ['stealth', 'athletics'] } }, required: ['what'] },
  },
}
const health: OpenAI.ChatCompletionTool = {
  type: 'function',
  function: {
    name: 'health',
    parameters: {
      type: 'object',
      properties: { character: { type: 'string' }, amount: { type: 'integer' } },
      required: ['character', 'amount'],
    },
  },
}
const messages: OpenAI.ChatCompletionMessageParam[] = [
  {
    role: 'system',
    content: 'You are the game master.\n\nParty:\n- Mira, player, Elf Rogue, level 3, health 9/14. Skills: Stealth +5.',
  },
  { role: 'user', content: 'I sneak past the guard.' },
]
const greedy = { model: 'base', messages, temperature: 0, max_tokens: 40 } as const

describe('the base model, which calls tools in brackets', () => {
  test('a tool that must be called is called, with arguments by name', async () => {
    const { choices } = await client(await server()).chat.completions.create({
      ...greedy,
      tools: [roll, health],
      tool_choice: { type: 'function', function: { name: 'roll' } },
    })
    const [choice] = choices
    expect(choice).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } })
    const [call] = choice!.message.tool_calls as [OpenAI.ChatCompletionMessageFunctionToolCall]
    expect(call).toMatchObject({ type: 'function', function: { name: 'roll' } })
    expect(['stealth', 'athletics']).toContain(JSON.parse(call.function.arguments).what)
  })

  test('brackets never name another tool than those given', async () => {
    const openai = client(await server())
    for (let seed = 0; seed < 4; seed++) {
      const { choices } = await openai.chat.completions.create({ ...greedy, temperature: 1, seed, tools: [roll, health] })
      const { content, tool_calls = [] } = choices[0]!.message
      // An answer that reaches its limit can end in the middle of a call.
      expect(content ?? '').not.toMatch(/\[[^\]]*\]/)
      for (const call of tool_calls) expect(['roll', 'health']).toContain('function' in call && call.function.name)
      expect(choices[0]!.finish_reason === 'tool_calls').toBe(tool_calls.length > 0)
    }
  })

  test('a stream tells the same calls', async () => {
    const openai = client(await server())
    const wanted = { ...greedy, tools: [roll, health], tool_choice: { type: 'function' as const, function: { name: 'roll' } } }
    const whole = await openai.chat.completions.create(wanted)
    const streamed = await openai.chat.completions.stream({ ...wanted, stream: true }).finalChatCompletion()
    const names = (completion: OpenAI.ChatCompletion) =>
      completion.choices[0]!.message.tool_calls?.map(
        (call) => 'function' in call && [call.function.name, call.function.arguments],
      )
    expect(names(streamed)).toEqual(names(whole))
    expect(streamed.choices[0]!.finish_reason).toBe('tool_calls')
  })

  test('the client runs a tool and the model goes on after its result', async () => {
    const openai = client(await server())
    const first = await openai.chat.completions.create({ ...greedy, tools: [roll], tool_choice: 'required' })
    const [call] = first.choices[0]!.message.tool_calls!
    const second = await openai.chat.completions.create({
      ...greedy,
      tools: [roll],
      tool_choice: 'none',
      messages: [
        ...messages,
        first.choices[0]!.message,
        { role: 'tool', tool_call_id: call!.id, content: 'stealth: 15 + 5(sheet) = *20*' },
      ],
    })
    expect(second.choices[0]!.message.content).not.toBe('')
    expect(second.choices[0]!.message.tool_calls).toBeUndefined()
    const told = {
      ...greedy,
      messages: [
        ...messages,
        { role: 'assistant', content: '[roll: stealth]' },
        { role: 'tool', tool_call_id: 'x', content: 'stealth: 15 + 5(sheet) = *20*' },
      ],
    } satisfies OpenAI.ChatCompletionCreateParamsNonStreaming
    if (call && 'function' in call && call.function.arguments.includes('stealth'))
      expect(second.choices[0]!.message.content).toBe((await openai.chat.completions.create(told)).choices[0]!.message.content)
  })
})

test.each([
  [{ tool_choice: 'required' }, 'tool_choice'],
  [{ tools: [roll], tool_choice: { type: 'function', function: { name: 'fly' } } }, 'tool_choice'],
  [{ tools: [roll, roll] }, 'tools'],
  [{ tools: [roll], response_format: { type: 'json_object' } }, 'response_format'],
] as const)('%o is refused', async (more, param) => {
  const body = { ...greedy, ...more } as OpenAI.ChatCompletionCreateParamsNonStreaming
  await expect(client(await server()).chat.completions.create(body)).rejects.toMatchObject({ status: 400, param })
})
