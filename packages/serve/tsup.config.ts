import { library } from '../../tsup.shared'

// The engine stays outside: it is imported when a path is to be opened, if it is there.
export default library(['src/index.ts'], { external: [/^@qt\//] })
