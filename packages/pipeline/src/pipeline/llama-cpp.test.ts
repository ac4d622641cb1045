import { expect, test } from 'vitest'
import { llamaCpp } from './llama-cpp.js'

/** What node-llama-cpp does where its binary does not fit the machine. */
const unstartable = {
  LlamaCompletion: class {},
  getLlama: async () => {
    throw new Error('No prebuilt binaries found for this platform')
  },
}

test('a llama.cpp that does not start, or is not there, is not asked', async () => {
  expect(await llamaCpp(async () => unstartable)).toBe(
    'llama.cpp was not asked, for it does not start: No prebuilt binaries found for this platform',
  )
  const absent = async () => {
    throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  }
  expect(await llamaCpp(absent)).toBe('llama.cpp was not asked: node-llama-cpp is not installed')
  expect(await llamaCpp(async () => ({}))).toBe('llama.cpp was not asked: this version of node-llama-cpp is not known')
})
