/** dwave-samplers: for each graph the least median of seconds to the cut, over lengths of runs that are begun again until they reach it. */
export const dwaveTargets = (folder: string): string => `
import json, statistics, time
import dimod
from dwave.samplers import SimulatedAnnealingSampler
out = {}
for name, target in {"G1": 11624, "G43": 6660, "G22": 13357, "G55": 10264}.items():
    rows = [l.split() for l in open(${JSON.stringify(folder)} + "/" + name + ".txt") if l.strip()][1:]
    edges = {(int(r[0]), int(r[1])): float(r[2]) for r in rows}
    bqm, total = dimod.BQM.from_ising({}, edges), sum(edges.values())
    best = float("inf")
    for sweeps in (1000, 5000, 10000):
        times = []
        for seed in range(10):
            started, again = time.time(), 0
            while time.time() - started < 5:
                found = SimulatedAnnealingSampler().sample(bqm, num_reads=1, num_sweeps=sweeps, seed=1000 * seed + again)
                again += 1
                if (total - found.first.energy) / 2 >= target: break
            else: times.append(float("inf")); continue
            times.append(time.time() - started)
        best = min(best, statistics.median(times))
    out[name] = best
print(json.dumps(out))
`

/** dimod: a million calls of add_quadratic. */
export const dimodBuilder = `
import json, time
import dimod
size, terms = 2000, 1000000
pairs = [(i, j) for i in range(size) for j in range(i + 1, size)][:terms]
started = time.time()
bqm = dimod.BinaryQuadraticModel("BINARY")
for i, j in pairs: bqm.add_quadratic(i, j, i + j)
assert bqm.num_interactions == terms
print(json.dumps({"typed": time.time() - started}))
`

/** The graph of the circuit: 20 vertices in a ring, opposite ones joined too. */
export const qaoaEdges: readonly (readonly [number, number])[] = [
  ...Array.from({ length: 20 }, (_, i) => [i, (i + 1) % 20] as const),
  ...Array.from({ length: 10 }, (_, i) => [i, i + 10] as const),
]

/** Qiskit Aer: seconds of one layer on a state vector, transpiling and the reading of an expectation not counted. */
export const aerLayer = `
import json, statistics
from qiskit import QuantumCircuit, transpile
from qiskit_aer import AerSimulator
edges = ${JSON.stringify(qaoaEdges)}
circuit = QuantumCircuit(20)
for q in range(20): circuit.h(q)
for a, b in edges: circuit.rzz(0.8, a, b)
for q in range(20): circuit.rx(0.9, q)
circuit.save_amplitudes([0])
backend = AerSimulator(method="statevector", max_parallel_threads=1)
ready = transpile(circuit, backend)
times = []
for _ in range(12): times.append(backend.run(ready, shots=1).result().results[0].time_taken)
print(json.dumps({"layer": 1000 * statistics.median(times[2:])}))
`
