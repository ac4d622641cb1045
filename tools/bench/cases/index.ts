import type { MakeCase } from '../case.js'
import { dataCases } from './data.js'
import { decodeCases } from './decode.js'
import { embed } from './embed.js'
import { exchange } from './exchange.js'
import { gemmCases } from './gemm.js'
import { generate } from './generate.js'
import { importData } from './import-data.js'
import { likelihood } from './likelihood.js'
import { quantizeAvx2Cases, quantizeCases, quantizeSmolCases } from './quantize.js'
import {
  quantumBuilder,
  quantumCut,
  quantumHelp,
  quantumLarge,
  quantumMinute,
  quantumQaoa,
  quantumSpeed,
  quantumTarget,
} from './quantum.js'
import { sandboxHumanEval } from './sandbox.js'
import { startup } from './startup.js'
import { trainCases } from './train.js'

/** Packages add their cases here. */
export const cases: Readonly<Record<string, MakeCase>> = {
  ...trainCases,
  ...gemmCases,
  exchange,
  startup,
  generate,
  embed,
  ...quantizeCases,
  ...quantizeSmolCases,
  ...quantizeAvx2Cases,
  ...decodeCases,
  ...dataCases,
  'import-data': importData,
  'quantum-speed': quantumSpeed,
  'quantum-target': quantumTarget,
  'quantum-cut': quantumCut,
  'quantum-minute': quantumMinute,
  'quantum-large': quantumLarge,
  'quantum-builder': quantumBuilder,
  likelihood,
  'sandbox-humaneval': sandboxHumanEval,
  'quantum-qaoa': quantumQaoa,
  'quantum-help': quantumHelp,
}

/** Names that stand for several cases; they end with a table of all. */
export const groups: Readonly<Record<string, readonly string[]>> = {
  'train-all': Object.keys(trainCases),
  'quantize-all': Object.keys(quantizeCases),
  'quantize-smol': Object.keys(quantizeSmolCases),
  'quantize-avx2': Object.keys(quantizeAvx2Cases),
  'decode-all': Object.keys(decodeCases),
  'data-all': [...Object.keys(dataCases), 'import-data'],
}
