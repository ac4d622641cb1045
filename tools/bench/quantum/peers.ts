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
