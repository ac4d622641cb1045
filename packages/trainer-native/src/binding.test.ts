import { readFile, stat } from 'node:fs/promises'
import { openModel } from '@qt/weights'
import { expect, onTestFinished, test, vi } from 'vitest'
import { smallStep } from '../test/engine.js'
import { fixture } from '../test/support.js'
import { binding, forcedKernels, threadCount } from './binding.js'

const source = await readFile(new URL('./binding.ts', import.meta.url), 'utf8')

/** Members of an interface of binding.ts, by name. */
function declared(name: string): string[] {
  const body = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(source)![1]!
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map((match) => match[1]!).sort()
}
const offered = (prototype: object) =>
  Object.getOwnPropertyNames(prototype)
    .filter((name) => name !== 'constructor')
    .sort()

test('every declared name is in the binary, and every name of the binary is declared', () => {
  const addon = binding()
  expect(Object.keys(addon).sort()).toEqual(declared('Binding'))
  expect(offered(addon.Trainer.prototype)).toEqual(declared('NativeTrainer'))
  expect(offered(addon.Communicator.prototype)).toEqual(declared('NativeCommunicator'))
  expect(offered(addon.Session.prototype)).toEqual(declared('NativeSession'))
  expect(offered(addon.Model.prototype)).toEqual(declared('NativeModelHandle'))
})

test('the binary has less than 15 MB', async () => {
  const { size } = await stat(new URL('../build/Release/qt_trainer.node', import.meta.url))
  expect(size).toBeLessThan(15e6)
})

test('kernels are named, best first, with one set that every machine has', () => {
  const kernels = binding().availableKernels()
  expect(kernels.at(-1)).toBe('baseline')
  expect(new Set(kernels).size).toBe(kernels.length)
})

test('unknown kernels are refused by name', async () => {
  const { spec } = await openModel(fixture('tiny-tied'))
  expect(() => binding().planStep(spec, smallStep, 1, 'abacus')).toThrow('no kernels named abacus')
})

test('kernels that the environment forces are refused by its name for them, with those that there are', () => {
  vi.stubEnv('QT_KERNELS', 'baseline')
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(forcedKernels()).toBe('baseline')
  vi.stubEnv('QT_KERNELS', 'abacus')
  expect(forcedKernels).toThrow(expect.objectContaining({ code: 'USAGE_BAD_VALUE', kind: 'usage' }))
  expect(forcedKernels).toThrow('QT_KERNELS is "abacus"')
})

test('threads are those asked for, else what the machine allows', () => {
  expect(threadCount(5)).toBe(5)
  expect(threadCount(undefined)).toBe(binding().availableProcessors())
})
