export { loadConfig } from './load-config.js'
export { makeFolder } from './make-folder.js'
export { syncFolder, writeFileAtomic } from './write-atomic.js'
