#!/usr/bin/env node
// Committed, not built: npm links a command at install time only when its file is there.
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) await import(main.href)
else {
  process.stderr.write('The qt command is not built yet.\n  Run: npm run build\n')
  process.exitCode = 1
}
