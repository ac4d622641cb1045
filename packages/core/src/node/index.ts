export { loadConfig } from './load-config.js'
export { syncFolder, writeFileAtomic } from './write-atomic.js'
