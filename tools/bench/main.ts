import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cases } from './cases/index.js'
import { type CaseResult, runCase } from './harness.js'
import { describeMachine, machine } from './machine.js'
import { oracleVersions } from './oracles.js'
import { table } from './table.js'

const usage = `npm run bench [-- --case NAME] [--runs N] [--no-peers] [--json]     cases: ${Object.keys(cases).join(', ')}`

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
  },
})
const names = values.case ?? Object.keys(cases)
const runs = Number(values.runs)
const unknown = names.find((name) => !Object.hasOwn(cases, name))
if (unknown !== undefined || !Number.isInteger(runs) || runs < 1) {
  console.error(
    unknown === undefined ? `--runs takes a number from 1 on, not "${values.runs}".` : `There is no case "${unknown}".`,
  )
  console.error(usage)
  process.exit(2)
}

const here = await machine()
const versions = await oracleVersions(['torch', 'transformers', 'peft'])
if (!values.json) console.log(`${describeMachine(here)}\n${versions.length ? `Peers: ${versions.join(', ')}\n` : ''}`)

const results: CaseResult[] = []
for (const name of names) {
  const folder = await mkdtemp(join(tmpdir(), `qt-bench-${name}-`))
  try {
    const made = await cases[name]!({ folder })
    const leftOut = made.peers.map((peer) => ({ name: peer.name, absent: 'left out by --no-peers' }))
    const item = values['no-peers'] ? { ...made, peers: leftOut } : made
    const result = await runCase(item, runs, (line) => console.error(line))
    results.push(result)
    if (!values.json) console.log(`${table(result, item.metrics)}\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
if (values.json) console.log(JSON.stringify({ machine: here, versions, cases: results }, null, 2))
if (results.some((result) => result.results.some(({ side, failed }) => side === 'ours' && failed !== undefined)))
  process.exitCode = 1
