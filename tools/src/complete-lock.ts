import { writeFile } from 'node:fs/promises'
import { completeLock, lockPath, missingPlatforms, readLock } from './lock-file.js'

const lock = await readLock()
const missing = missingPlatforms(lock)
if (missing.length > 0) await writeFile(lockPath, `${JSON.stringify(completeLock(lock), null, 2)}\n`)
console.log(`${missing.length} binaries of other platforms added to package-lock.json`)
