import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root } from './root.js'

/** `npm run demo`: everything from a folder of scenarios to a checked model, by the one command that a reader can type. */
const example = 'examples/dungeon-master'
const started = performance.now()
console.log(`$ npx qt pipeline ${example}\n`)
const child = spawn(join(root, 'node_modules/.bin/qt'), ['pipeline', example, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
// Ctrl-C reaches the command as well, which saves and ends by itself.
process.on('SIGINT', () => {})
const code = await new Promise<number>((resolve) => {
  child.on('error', () => resolve(1))
  child.on('close', (status) => resolve(status ?? 1))
})
if (code === 0)
  console.log(`\nThe demo took ${Math.round((performance.now() - started) / 1000)} s. Run it again: nothing is redone.`)
process.exit(code)
