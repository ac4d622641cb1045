import { parseConfig } from '@qt/core'
import { expect, test } from 'vitest'
import { overridesFromFlags, trainFlags } from './train-flags.js'

const config = (flags: Record<string, unknown>) =>
  parseConfig({ base: 'b', data: { path: 'd' } }, { overrides: overridesFromFlags(flags) })

test('there is a flag for every documented key, under its own name', () => {
  const wanted = `base data format validation adapter rank alpha dropout rank-stabilised targets init rank-pattern
    alpha-pattern lora-plus-ratio label-smoothing embedding-noise average-decay objective preference-strength steps epochs batch-size
    grad-accumulation sequence-length precision optimizer learning-rate schedule warmup-steps beta1 beta2 epsilon weight-decay
    grad-clip checkpointing feed-forward-chunk offload shard-base shard-gradients tensor-parallel packing shuffle seed validate-every save-every early-stopping threads output quantization base-storage
    profile target tokenizer architecture layers d-model heads kv-heads ffn vocab solver workspace qubo-size-limit`
  for (const name of wanted.split(/\s+/)) expect(Object.keys(trainFlags)).toContain(name)
})

test('values land where the file would have them, in the type of the schema', () => {
  expect(
    config({
      'learning-rate': '1e-4',
      'grad-clip': 'off',
      validation: '0.2',
      output: '7',
      data: ['a.jsonl'],
      adapter: 'lora',
      targets: ['q_proj,v_proj'],
      'rank-pattern': 'down_proj=8,v_proj=4',
      packing: false,
      checkpointing: 'true',
      'feed-forward-chunk': '512',
      offload: 'auto',
      quantization: 'none',
      'early-stopping': 'on',
      patience: '3',
    }),
  ).toMatchObject({
    training: {
      learningRate: 1e-4,
      gradClip: null,
      packing: false,
      checkpointing: true,
      feedForwardChunk: 512,
      offload: 'auto',
      earlyStopping: { patience: 3, minDelta: 0.001 },
    },
    data: { path: 'a.jsonl', validation: 0.2 },
    adapter: { kind: 'lora', targets: ['q_proj', 'v_proj'], rankPattern: { down_proj: 8, v_proj: 4 } },
    output: '7',
    quantization: 'none',
  })
  expect(config({ data: ['a', 'b'], validation: 'held.jsonl' }).data).toMatchObject({
    path: ['a', 'b'],
    validation: 'held.jsonl',
  })
})

test('a value that the schema refuses is named with what it may be', () => {
  expect(() => config({ optimizer: 'adam' })).toThrow('--optimizer cannot be "adam"')
  expect(() => config({ steps: '1.5' })).toThrow(/--steps cannot be "1.5": .*int/)
})

test.each([
  ['checkpointing', 'maybe', 'auto, true, false'],
  ['offload', 'maybe', 'auto, true, false'],
  ['feed-forward-chunk', '0', 'auto, false or a number from 1'],
  ['average-decay', '1', 'off or a number from 0 below 1'],
  ['grad-clip', 'x', 'off or a number above 0'],
  ['early-stopping', 'x', 'on, off'],
])('--%s %s is refused with all that it takes, as its help has it', (flag, value, all) => {
  expect(trainFlags[flag]?.description).toContain(`: ${all}`)
  expect(() => overridesFromFlags({ [flag]: value })).toThrow(
    expect.objectContaining({ code: 'USAGE_BAD_VALUE', actions: [expect.objectContaining({ label: `Use one of: ${all}.` })] }),
  )
})

test('help says of lists that they are lists, and of what, and of a pattern what fits it', () => {
  expect(trainFlags).toMatchObject({
    frozen: { value: 'NAME,…', description: 'adapter.frozen' },
    'modules-to-save': { value: 'NAME,…', description: 'adapter.modulesToSave: embed_tokens, lm_head' },
    targets: { value: 'VALUE', description: 'adapter.targets: all-linear or names, separated by commas' },
    device: { description: 'device: cpu, cuda or cuda:N (default cpu)' },
    base: { description: expect.stringContaining('hub id') },
  })
})
