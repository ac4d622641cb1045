// A training process for tests to kill: node run.mjs CONFIG.json [--resume], one line for each event.
import { readFile } from 'node:fs/promises'
import { train } from '../dist/index.js'

const [file, flag] = process.argv.slice(2)
const run = train(JSON.parse(await readFile(file, 'utf8')), { resume: flag === '--resume' })
for await (const event of run) process.stdout.write(`${event.type}\n`)
