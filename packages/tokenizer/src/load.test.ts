import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fixturePath } from '../test/fixtures.js'
import { Tokenizer } from './tokenizer.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-tokenizer-'))
})
afterAll(async () => rm(folder, { recursive: true }))

describe('Tokenizer.load', () => {
  it('reads a folder with its configuration and chat template', async () => {
    await copyFile(fixturePath('llama3.json'), join(folder, 'tokenizer.json'))
    await writeFile(join(folder, 'tokenizer_config.json'), '{"bos_token": "<s>", "eos_token": "</s>", "chat_template": "old"}')
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id": [2, 3]}')
    await writeFile(join(folder, 'chat_template.jinja'), '{{ messages }}')
    for (const path of [folder, join(folder, 'tokenizer.json')]) {
      const tokenizer = await Tokenizer.load(path)
      expect(tokenizer.chatTemplate).toBe('{{ messages }}')
      expect(tokenizer.endIds).toEqual(new Set([2, 3]))
      expect(tokenizer.bosId).toBe(1)
    }
  })

  it('says where there is no tokenizer', async () => {
    await expect(Tokenizer.load(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'TOKENIZER_MISSING' })
    await expect(Tokenizer.load(await mkdtemp(join(folder, 'empty-')))).rejects.toMatchObject({ code: 'TOKENIZER_MISSING' })
  })

  it('asks which of two GGUF files is meant', async () => {
    const two = await mkdtemp(join(folder, 'two-'))
    for (const name of ['a.gguf', 'b.gguf']) await writeFile(join(two, name), 'GGUF')
    await expect(Tokenizer.load(two)).rejects.toMatchObject({ code: 'TOKENIZER_AMBIGUOUS' })
  })

  it('names the file and the field of what is wrong', async () => {
    const bad = join(folder, 'bad.json')
    await writeFile(bad, '{"model": {"type": "BPE"}}')
    await expect(Tokenizer.load(bad)).rejects.toMatchObject({
      code: 'TOKENIZER_INVALID',
      where: { file: bad, field: 'model.vocab' },
    })
    await writeFile(bad, 'not a tokenizer')
    await expect(Tokenizer.load(bad)).rejects.toMatchObject({ code: 'TOKENIZER_INVALID', where: { file: bad } })
    await writeFile(bad, '')
    await expect(Tokenizer.load(bad)).rejects.toMatchObject({ code: 'TOKENIZER_INVALID' })
  })

  it('refuses a truncated GGUF file', async () => {
    const cut = join(folder, 'cut.gguf')
    await writeFile(cut, Buffer.from('GGUF\x03\0\0\0', 'latin1'))
    await expect(Tokenizer.load(cut)).rejects.toMatchObject({ name: 'QtError' })
  })
})

const model = new URL('../../../.models/SmolLM2-135M-Instruct.Q4_1.gguf', import.meta.url).pathname
if (!existsSync(model))
  console.log('skipped: the tokenizer of a real model, since .models/SmolLM2-135M-Instruct.Q4_1.gguf is not there')

describe.skipIf(!existsSync(model))('the tokenizer of SmolLM2', () => {
  it('reads a conversation', async () => {
    const tokenizer = await Tokenizer.load(model)
    const text = '<|im_start|>user\nHello 123 world<|im_end|>'
    const ids = tokenizer.encode(text, { special: true })
    expect([...ids]).toEqual([1, 4093, 198, 19556, 216, 33, 34, 35, 905, 2])
    expect(tokenizer.decode(ids, { special: true })).toBe(text)
    expect(tokenizer.endIds.has(tokenizer.eosId!)).toBe(true)
    expect(tokenizer.chatTemplate).toContain('<|im_start|>')
  })
})
