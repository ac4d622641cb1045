import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { root } from '../../src/root.js'
import type { Absent, Contender, MakeCase } from '../case.js'

const data = join(root, '../shared/data/code/HumanEval.jsonl.gz')
const measuresSchema = z.record(z.string(), z.number())

function contender(name: string, mode: 'sandbox' | 'plain'): Contender | Absent {
  if (!existsSync(data)) return { name, absent: 'the data of HumanEval is not beside this checkout' }
  return {
    name,
    command: ['tsx', join(root, 'tools/bench/sandbox/human-eval.ts'), mode, data],
    parse: ({ stdout }) => measuresSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')),
  }
}

export const sandboxHumanEval: MakeCase = async () => ({
  name: 'sandbox-humaneval',
  title: 'verifying 164 × 10 solutions of HumanEval, two at once',
  conditions: "The same programs by the system's Python: in a sandbox of its own each, and as a bare python -c.",
  metrics: [
    { key: 'seconds', title: 'seconds', digits: 1, better: 'lower' },
    { key: 'milliseconds', title: 'ms a program', digits: 1, better: 'lower' },
    { key: 'passed', title: 'passed', digits: 0, better: 'higher' },
  ],
  inputs: existsSync(data) ? [data] : [],
  ours: [contender('@qt/sandbox', 'sandbox')],
  peers: [contender('python -c', 'plain')],
})
