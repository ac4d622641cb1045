/** All weights in float32, products in bfloat16 by autocast, compiled: arguments are the GGUF file, rows, tokens of a row, steps. */
export const autocastFull = `
import json, os, resource, sys, time
import torch
from transformers import AutoModelForCausalLM
path, (batch, seq, steps) = sys.argv[1], map(int, sys.argv[2:5])
torch.set_num_threads(os.cpu_count())
folder, name = os.path.split(path)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32, attn_implementation="sdpa")
model.config.use_cache = False
model.train()
step = torch.compile(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
ids = torch.randint(0, model.config.vocab_size, (batch, seq), generator=torch.Generator().manual_seed(1))
times = []
for _ in range(steps):
    begun = time.time()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = step(input_ids=ids, labels=ids).loss
    loss.backward()
    optimizer.step(); optimizer.zero_grad(set_to_none=True)
    times.append(time.time() - begun)
best = sorted(times[1:])[len(times[1:]) // 2]
print(json.dumps({"tokens_per_s": batch * seq / best, "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
`

/** Best rate in GFLOP/s of x·Wᵀ (or x·W) at each shape, arguments are a type and rows×columns×depth[t] …; a warm-up is not counted. */
export const matrixProducts = `
import json, os, sys, time
import torch
torch.set_num_threads(int(sys.argv[2]))
kind = getattr(torch, sys.argv[1])
out = {}
for text in sys.argv[3:]:
    rows, columns, depth = map(int, text.rstrip("t").split("x"))
    x = torch.full((rows, depth), 0.5, dtype=kind)
    w = torch.full((columns, depth) if not text.endswith("t") else (depth, columns), 0.5, dtype=kind)
    best = 1e9
    for _ in range(12):
        begun = time.perf_counter()
        torch.matmul(x, w if text.endswith("t") else w.t())
        best = min(best, time.perf_counter() - begun)
    out[text] = 2 * rows * columns * depth / best / 1e9
print(json.dumps(out))
`
