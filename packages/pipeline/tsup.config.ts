import { library } from '../../tsup.shared'

export default library(['src/index.ts', 'src/doctor/index.ts', 'src/submit/index.ts'])
