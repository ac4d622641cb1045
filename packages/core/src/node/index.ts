export { loadConfig } from './load-config.js'
export { writeFileAtomic } from './write-atomic.js'
