import { library } from '../../tsup.shared'

export default library(['src/index.ts', 'src/browser.ts', 'src/clouds.ts', 'src/decisions.ts'])
