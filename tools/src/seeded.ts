import { configureGlobal } from 'fast-check'

/** `npm test` tries the same random inputs every time; `npm run test:full` looks for new ones. */
if (process.env.QT_NEW_INPUTS === undefined) configureGlobal({ seed: 20_261_121 })
