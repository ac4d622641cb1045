#!/usr/bin/env node
// Committed, not built: npm links a command at install time only when its file is there.
import { existsSync } from 'node:fs'
import module from 'node:module'

// Compiled modules are kept for the next start where Node can (from 22.1 on).
module.enableCompileCache?.()

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) await import(main.href)
else {
  process.stderr.write('The qt command is not built yet.\n  Run: npm run build\n')
  process.exitCode = 1
}
