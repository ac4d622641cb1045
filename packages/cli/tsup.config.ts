import { library } from '../../tsup.shared'

// Packages stay outside: each is imported when its verb is used, if it is there.
export default library(['src/index.ts', 'src/main.ts'], { external: [/^@qt\//] })
