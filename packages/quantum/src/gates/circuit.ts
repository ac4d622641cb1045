import type { QuadraticModel } from '../quadratic.js'
import { toSpin } from '../vartype.js'
import { type Angles, checkAngles } from './angles.js'

/** The gates that every machine and language has. Angles are radians; RZ(θ) = exp(−iθZ/2), RX(θ) = exp(−iθX/2). */
export type Gate =
  | { readonly gate: 'h'; readonly target: number }
  | { readonly gate: 'rz' | 'rx'; readonly target: number; readonly angle: number }
  | { readonly gate: 'cnot'; readonly control: number; readonly target: number }

/**
 * QAOA as gates. A spin is −Z (bit 1 is +1), so exp(−iγ h s) = RZ(−2γh) and exp(−iγ J s s') = CNOT RZ(2γJ) CNOT; the mixer is RX(2β).
 */
export function qaoaCircuit(model: QuadraticModel, angles: Angles): Gate[] {
  checkAngles(angles)
  const { gammas, betas } = angles
  const { size, linear, rows, columns, values } = toSpin(model)
  const gates: Gate[] = Array.from({ length: size }, (_, target) => ({ gate: 'h', target }))
  gammas.forEach((gamma, layer) => {
    for (let i = 0; i < size; i++) if (linear[i] !== 0) gates.push({ gate: 'rz', target: i, angle: -2 * gamma * linear[i]! })
    for (let k = 0; k < values.length; k++) {
      const [control, target] = [rows[k]!, columns[k]!]
      gates.push(
        { gate: 'cnot', control, target },
        { gate: 'rz', target, angle: 2 * gamma * values[k]! },
        { gate: 'cnot', control, target },
      )
    }
    for (let i = 0; i < size; i++) gates.push({ gate: 'rx', target: i, angle: 2 * betas[layer]! })
  })
  return gates
}

export interface QasmOptions {
  /** 3 unless told; Quantinuum on Azure takes 2. */
  readonly version?: 2 | 3
}

/** OpenQASM, with the standard gates of its version. */
export function openQasm(model: QuadraticModel, angles: Angles, { version = 3 }: QasmOptions = {}): string {
  const lines = qaoaCircuit(model, angles).map((gate) => {
    if (gate.gate === 'h') return `h q[${gate.target}];`
    if (gate.gate === 'cnot') return `cx q[${gate.control}], q[${gate.target}];`
    return `${gate.gate}(${gate.angle}) q[${gate.target}];`
  })
  const [head, measure] =
    version === 2
      ? [['OPENQASM 2.0;', 'include "qelib1.inc";', `qreg q[${model.size}];`, `creg c[${model.size}];`], 'measure q -> c;']
      : [['OPENQASM 3.0;', 'include "stdgates.inc";', `qubit[${model.size}] q;`, `bit[${model.size}] c;`], 'c = measure q;']
  return `${[...head, ...lines, measure].join('\n')}\n`
}

/** Rigetti's Quil. */
export function quil(model: QuadraticModel, angles: Angles): string {
  const lines = qaoaCircuit(model, angles).map((gate) => {
    if (gate.gate === 'h') return `H ${gate.target}`
    if (gate.gate === 'cnot') return `CNOT ${gate.control} ${gate.target}`
    return `${gate.gate.toUpperCase()}(${gate.angle}) ${gate.target}`
  })
  const measures = Array.from({ length: model.size }, (_, k) => `MEASURE ${k} ro[${k}]`)
  return `${[`DECLARE ro BIT[${model.size}]`, ...lines, ...measures].join('\n')}\n`
}

/** IonQ's JSON (ionq.circuit.v1), as Azure Quantum takes it too. */
export function ionqCircuit(
  model: QuadraticModel,
  angles: Angles,
): { readonly qubits: number; readonly circuit: readonly object[] } {
  const circuit = qaoaCircuit(model, angles).map((gate) =>
    gate.gate === 'rz' || gate.gate === 'rx' ? { gate: gate.gate, target: gate.target, rotation: gate.angle } : gate,
  )
  return { qubits: model.size, circuit }
}
