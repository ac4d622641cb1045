import { defineVerb } from '../args/verb.js'
import { withInterrupt } from '../interrupt.js'
import { need } from '../need.js'
import { status } from '../print/status.js'
import { bytesText } from '../print/units.js'
import { localPath } from '../resolve.js'

export const check = defineVerb({
  name: 'check',
  summary: 'Check a model file from end to end.',
  details:
    'Reads the whole file: structure, shapes, whether every number is finite, whether the tokenizer fits, checksum. Exit code 1 when something is wrong.',
  positionals: [
    { name: 'FILE', description: 'A GGUF file (the first part of a split one), or a hub id (owner/name).', required: true },
  ],
  flags: { sha256: { type: 'text', value: 'HEX', description: 'What the checksum of the file must be.' } },
  examples: ['qt check model.gguf', 'qt check model.gguf --json'],
  async run({ flags, positionals, io }) {
    const { checkModel } = await need('@qt/quantize', () => import('@qt/quantize'))
    const progress = status(io)
    const report = await withInterrupt(async (signal) => {
      const path = await localPath(positionals[0]!, io, signal)
      const onTensor = (name: string, done: number, total: number) => progress.update(`${done}/${total} tensors  ${name}`)
      return checkModel(path, { sha256: flags.sha256, signal, onTensor })
    })
    progress.end()
    for (const { level, message } of report.findings) io.out(`${level}: ${message}\n`)
    for (const { path, bytes, sha256 } of report.files) io.out(`${sha256}  ${path}  (${bytesText(bytes)})\n`)
    io.out(report.ok ? `Sound: ${report.tensors} tensors.\n` : 'Not sound.\n')
    io.document(report)
    return report.ok ? 0 : 1
  },
})
