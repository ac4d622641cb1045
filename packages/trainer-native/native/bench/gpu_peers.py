"""PyTorch, transformers and PEFT on the shapes of gpu_bench.cpp, each at its best settings, and the table of both.

usage: gpu_peers.py run [--device cuda|cpu] [--tiny] [--only CASE[,CASE...]] [--checkpointing] > peers.jsonl
       gpu_peers.py table ours.jsonl peers.jsonl

Every measurement has a process of its own, so that the memory of one is not that of another. It is Python because the peers are; a machine
with a GPU may have nothing but them.
"""
import argparse
import gc
import importlib.metadata
import json
import statistics
import subprocess
import sys
import time

# name: (model, stored, rank or 0 for all weights, rows, length)
TRAININGS = {
    "lora-0.5b": ("qwen05", "bf16", 16, 8, 2048),
    "lora-8b": ("llama8", "bf16", 16, 4, 2048),
    "qlora-8b-nf4": ("llama8", "nf4", 16, 4, 2048),
    "scratch-1b": ("preset1b", "f32", 0, 8, 2048),
    "full-1.5b": ("llama15", "f32", 0, 16, 1024),
}
# vocabulary, layers, width, heads, key heads, feed-forward, tied
SHAPES = {
    "qwen05": (151936, 24, 896, 14, 2, 4864, True),
    "llama8": (128256, 32, 4096, 32, 8, 14336, False),
    "preset1b": (49152, 16, 2048, 32, 8, 5632, True),
    "llama15": (50304, 24, 2048, 16, 16, 5632, True),
    "tiny": (256, 2, 64, 2, 1, 128, True),
}
PRODUCTS = [(8192, 8192, 8192), (8192, 4096, 14336), (8192, 28672, 4096), (16384, 4864, 896)]
MIB = 2**20


def synchronise(torch, device):
    if device == "cuda":
        torch.cuda.synchronize()


def timed(torch, device, tiny, call):
    rounds, calls = (1, 1) if tiny else (5, 10)
    for _ in range(3):
        call()
    times = []
    for _ in range(rounds):
        synchronise(torch, device)
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        synchronise(torch, device)
        times.append((time.perf_counter() - begun) / calls)
    return statistics.median(times)


def products(torch, args):
    for rows, columns, depth in [(64, 64, 64)] if args.tiny else PRODUCTS:
        x = torch.randn(rows, depth, device=args.device, dtype=torch.bfloat16)
        w = torch.randn(columns, depth, device=args.device, dtype=torch.bfloat16)
        seconds = timed(torch, args.device, args.tiny, lambda: torch.nn.functional.linear(x, w))
        yield {"case": "product", "shape": f"{rows}x{columns}x{depth}", "tflops": 2e-12 * rows * columns * depth / seconds}


def attention(torch, args):
    tokens, heads, kv_heads, size = (64, 2, 1, 128) if args.tiny else (8192, 32, 8, 128)
    make = lambda count: torch.randn(1, count, tokens, size, device=args.device, dtype=torch.bfloat16, requires_grad=True)
    q, k, v, gradient = make(heads), make(kv_heads), make(kv_heads), torch.randn(1, heads, tokens, size, device=args.device, dtype=torch.bfloat16)

    def forward():
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    def both():
        q.grad = k.grad = v.grad = None
        forward().backward(gradient)

    one, two = timed(torch, args.device, args.tiny, forward), timed(torch, args.device, args.tiny, both)
    yield {"case": "attention", "tokens": tokens, "heads": heads, "kv_heads": kv_heads, "head_dim": size, "forward_ms": one * 1e3,
           "both_ms": two * 1e3, "tflops": 3.5 * 2 * tokens**2 * heads * size / two * 1e-12}


def model_of(torch, name, stored, device, tiny):
    from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

    vocabulary, layers, width, heads, kv_heads, feed_forward, tied = SHAPES["tiny" if tiny else name]
    kind = Qwen2Config if name == "qwen05" else LlamaConfig
    config = kind(vocab_size=vocabulary, num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads, num_key_value_heads=kv_heads,
                  intermediate_size=feed_forward, tie_word_embeddings=tied, max_position_embeddings=8192, use_cache=False)
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32 if stored == "f32" else torch.bfloat16, attn_implementation="sdpa")
    return quantised(torch, model, device) if stored == "nf4" else model


def quantised(torch, model, device):
    """bitsandbytes' layers in place of the projections, as transformers puts them there."""
    import bitsandbytes

    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if not isinstance(child, torch.nn.Linear) or name == "lm_head":
                continue
            layer = bitsandbytes.nn.Linear4bit(child.in_features, child.out_features, bias=child.bias is not None, compute_dtype=torch.bfloat16,
                                               quant_type="nf4", compress_statistics=True)
            layer.weight = bitsandbytes.nn.Params4bit(child.weight.data.cpu(), requires_grad=False, quant_type="nf4", compress_statistics=True)
            setattr(parent, name, layer.to(device))
    model.is_loaded_in_4bit = True
    gc.collect()
    return model


def training(torch, name, args):
    model_name, stored, rank, rows, length = TRAININGS[name]
    if args.tiny:
        rows, length = 2, 32
    model = model_of(torch, model_name, stored, args.device, args.tiny)
    if args.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if rank > 0:
        from peft import LoraConfig, get_peft_model

        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, task_type="CAUSAL_LM"))
    model.train()
    step = torch.compile(model) if args.compile else model
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-4, fused=args.device == "cuda")
    ids = torch.randint(0, model.config.vocab_size, (rows, length), generator=torch.Generator().manual_seed(1)).to(args.device)
    times = []
    for _ in range(3 if args.tiny else 8):
        synchronise(torch, args.device)
        begun = time.perf_counter()
        # Adapters are float32 over a bfloat16 base, a whole model is float32: products are bfloat16 in both.
        with torch.autocast(args.device, dtype=torch.bfloat16):
            loss = step(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        synchronise(torch, args.device)
        times.append(time.perf_counter() - begun)
    seconds = statistics.median(times[2:])
    found = {"case": name, "tokens_per_second": rows * length / seconds, "step_ms": seconds * 1e3, "compiled": args.compile,
             "checkpointing": args.checkpointing, "loss": loss.item()}
    if args.device == "cuda":
        free, total = torch.cuda.mem_get_info()
        found |= {"peak_mib": torch.cuda.max_memory_allocated() / MIB, "device_mib": (total - free) / MIB, "device": torch.cuda.get_device_name()}
    yield found


def measure(name, args):
    import torch

    torch.set_float32_matmul_precision("high")
    body = {"product": products, "attention": attention}.get(name)
    for found in body(torch, args) if body else training(torch, name, args):
        print(json.dumps(found), flush=True)


def run(args):
    if args.one:
        return measure(args.one, args)
    versions = {}
    for package in ["torch", "transformers", "peft", "bitsandbytes"]:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    print(json.dumps({"case": "versions", **versions}), flush=True)
    only = args.only.split(",") if args.only else ["product", "attention", *TRAININGS]
    for name in only:
        if name not in TRAININGS and name not in ("product", "attention"):
            continue
        for compiled in [False] if name not in TRAININGS or args.tiny else [False, True]:
            given = [sys.executable, __file__, "run", "--device", args.device, "--one", name]
            given += ["--tiny"] * args.tiny + ["--checkpointing"] * args.checkpointing + ["--compile"] * compiled
            try:
                done = subprocess.run(given, capture_output=True, text=True, timeout=args.patience)
                said, failed = done.stdout, done.returncode != 0
                why = done.stderr.strip().splitlines()[-1:] or ["it ended without a word"]
            except subprocess.TimeoutExpired:
                said, failed, why = "", True, [f"it took longer than {args.patience} s"]
            sys.stdout.write(said)
            if failed:
                print(json.dumps({"case": name, "compiled": compiled, "absent": why[0]}))
            sys.stdout.flush()


# What is to be reached: times the peer's speed, and of its memory.
OF_PEAK = {"lora-8b": "aim 45%", "full-1.5b": "bar 50%"}
BARS = {"lora-0.5b": (1.5, 0.5), "lora-8b": (1.25, 0.6), "qlora-8b-nf4": (1.5, 0.6)}


def read(path):
    """Whole lines: what a process left behind that was stopped is none."""
    found = []
    with open(path) as lines:
        for line in lines:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                print(f"{path}: no JSON: {line.strip()[:80]}", file=sys.stderr)
    return found


def table(args):
    ours, peers = read(args.ours), read(args.peers)
    devices = [line for line in ours if line["case"] == "device"]
    for line in devices:
        print("Device: " + (line["absent"] if "absent" in line else f"{line['name']}, {line['memory_mib']:.0f} MiB, compute capability {line['capability']}, driver {line['driver']}."))
    # Speeds against PyTorch's on the same device are of any, what a share of its peak or a speed by itself is worth is not.
    if not any("H200" in line.get("name", "") for line in devices):
        print("The bars are those of one H200: here the ratios say what they say there, memory bandwidth and room are others.")
    for name in sorted({peer["device"] for peer in peers if "device" in peer} - {line.get("name") for line in devices}):
        print(f"The peers ran on another device: {name}.")
    for line in peers:
        if line["case"] == "versions":
            print("Peers: " + ", ".join(f"{name} {line[name]}" for name in line if name != "case" and line[name]) + ".")
    print()
    peak = max((line["tflops"] for line in peers + ours if line["case"] == "product" and "tflops" in line), default=None)
    print(f"Measured bfloat16 peak: {peak:.0f} TFLOP/s\n" if peak and peak >= 1 else "Measured bfloat16 peak: none worth the name\n")
    print("| case | ours | peer | ratio | bar | memory, ours | peer | of it | bar | of peak |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    number = lambda value, text: "" if value is None else text.format(value)
    quotient = lambda a, b: a / b if a is not None and b else None
    for line in ours:
        name = line["case"]
        theirs = [peer for peer in peers if peer["case"] == name and "absent" not in peer and peer.get("shape") == line.get("shape")]
        missing = next((peer["absent"] for peer in peers if peer["case"] == name and "absent" in peer), "not measured")
        if name == "device":
            continue
        if "absent" in line:
            print(f"| {name} | {line['absent']} | | | | | | | | |")
        elif name in ("product", "attention"):
            best = max((peer["tflops"] for peer in theirs), default=None)
            label = f"{name} {line.get('shape', line.get('tokens'))}{' by ' + line['by'] if 'by' in line else ''}, TFLOP/s"
            bar = "0.50" if name == "attention" else ""
            print(f"| {label} | {line['tflops']:.4g} | {number(best, '{:.4g}')} | {number(quotient(line['tflops'], best), '{:.2f}')} | {bar} | | | | | |")
        elif "tokens_per_second" in line:
            best = max(theirs, key=lambda peer: peer["tokens_per_second"], default={})
            speed, memory = BARS.get(name, (None, None))
            used, whole = line["planned_mib"], best.get("peak_mib")
            print(f"| {name}, tokens/s | {line['tokens_per_second']:.0f} | {number(best.get('tokens_per_second'), '{:.0f}') or missing} | "
                  f"{number(quotient(line['tokens_per_second'], best.get('tokens_per_second')), '{:.2f}')} | {number(speed, '{:.2f}')} | {used:.0f} MiB | "
                  f"{number(whole, '{:.0f} MiB')} | {number(quotient(used, whole), '{:.2f}')} | {number(memory, '{:.2f}')} | "
                  f"{number(quotient(line['model_tflops'], peak), '{:.0%}')}{f' ({OF_PEAK[name]})' if name in OF_PEAK else ''} |")
    rate = {line["case"]: line.get("tokens_per_second") for line in ours}
    for name in ("qlora-8b-q4k", "qlora-8b-nf4"):
        share = quotient(rate.get(name), rate.get("lora-8b"))
        if share is not None:
            print(f"\n{name}: {share:.0%} of our bf16 LoRA's speed (bar 90%).")
    for line in ours:
        if line["case"] == "scratch-1b" and "absent" not in line:
            print(f"\n1B from scratch: the loss goes from {line['first_loss']} to {line['last_loss']}, {line['tokens_per_second']:.0f} tokens/s.")
        if line["case"] == "context" and "absent" not in line:
            print(f"\nLongest row of an 8B QLoRA in {line['of_bytes'] / 1e9:.0f} GB: {line['tokens']} tokens (bar 78000).")
        if line["case"] == "generation" and "absent" not in line:
            print(f"\n8B in Q4_K generates {line['one_per_second']:.0f} tokens/s for one, {line['together_per_second']:.0f} for {line['together']} together, and reads "
                  f"{line['prompt_per_second']:.0f} of a prompt.")
        if line["case"] == "curve" and "absent" not in line:
            print(f"\n{line['steps']} steps: losses in bfloat16 end {line['last_apart']:.2%} from float32's, at most {line['most_apart']:.2%} on the way (bar 0.5%).")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    runs = verbs.add_parser("run")
    runs.add_argument("--device", default="cuda")
    runs.add_argument("--tiny", action="store_true")
    runs.add_argument("--only")
    runs.add_argument("--checkpointing", action="store_true")
    runs.add_argument("--patience", type=int, default=240, help="seconds that one measurement may take")
    runs.add_argument("--one", help=argparse.SUPPRESS)
    runs.add_argument("--compile", action="store_true", help=argparse.SUPPRESS)
    runs.set_defaults(do=run)
    tables = verbs.add_parser("table")
    tables.add_argument("ours")
    tables.add_argument("peers")
    tables.set_defaults(do=table)
    args = parser.parse_args()
    args.do(args)


if __name__ == "__main__":
    main()
