import { build, check } from './checks.js'
import { finish } from './outcome.js'

finish([await build(), ...(await check())])
