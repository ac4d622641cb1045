import type { MakeCase } from '../case.js'
import { quantizeTo } from './quantize.js'
import { quantumBuilder, quantumCut, quantumLarge, quantumMinute, quantumSpeed, quantumTarget } from './quantum.js'
import { startup } from './startup.js'
import { trainLora } from './train-lora.js'

/** Packages add their cases here. */
export const cases: Readonly<Record<string, MakeCase>> = {
  'train-lora': trainLora,
  startup,
  'quantize-q8_0': quantizeTo('Q8_0'),
  'quantize-q4_0': quantizeTo('Q4_0'),
  'quantize-f16': quantizeTo('F16'),
  'quantum-speed': quantumSpeed,
  'quantum-target': quantumTarget,
  'quantum-cut': quantumCut,
  'quantum-minute': quantumMinute,
  'quantum-large': quantumLarge,
  'quantum-builder': quantumBuilder,
}
