import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { cases, groups } from './cases/index.js'
import { type CaseResult, runCase } from './harness.js'
import { describeMachine, machine } from './machine.js'
import { oracleVersions } from './oracles.js'
import { summary } from './summary.js'
import { table } from './table.js'

const usage = `npm run bench [-- --case NAME] [--runs N] [--no-peers] [--json]     cases: ${[...Object.keys(cases), ...Object.keys(groups)].join(', ')}`

const { values } = parseArgs({
  options: {
    case: { type: 'string', multiple: true },
    runs: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
  },
})
const asked = values.case ?? Object.keys(cases)
const names = asked.flatMap((name) => groups[name] ?? [name])
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
const measured: Parameters<typeof summary>[0][number][] = []
for (const name of names) {
  const folder = await mkdtemp(join(tmpdir(), `qt-bench-${name}-`))
  try {
    const made = await cases[name]!({ folder, peers: !values['no-peers'] })
    const leftOut = made.peers.map((peer) => ({ name: peer.name, absent: 'left out by --no-peers' }))
    const item = values['no-peers'] ? { ...made, peers: leftOut } : made
    const result = await runCase(item, runs, (line) => console.error(line))
    results.push(result)
    measured.push({ result, metrics: item.metrics, bar: item.bar })
    if (!values.json) console.log(`${table(result, item.metrics)}\n`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
if (!values.json)
  for (const group of asked.filter((name) => groups[name]))
    console.log(`## ${group}\n\n${summary(measured.filter(({ result }) => groups[group]!.includes(result.name)))}\n`)
if (values.json) console.log(JSON.stringify({ machine: here, versions, cases: results }, null, 2))
if (results.some((result) => result.results.some(({ side, failed }) => side === 'ours' && failed !== undefined)))
  process.exitCode = 1
