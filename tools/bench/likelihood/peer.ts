/** The same questions through lm-evaluation-harness's model on transformers, weights dequantised once to float32: its own requests, its own scoring. */
export const lmEvalChoices = `
import json, os, sys, time
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
path, file, threads, batch = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
import torch
torch.set_num_threads(threads)
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
records = json.load(open(file))
lm = HFLM(pretrained=os.path.dirname(path), gguf_file=os.path.basename(path), device="cpu", dtype="float32", batch_size=batch)
def requests(some):
    return [Instance(request_type="loglikelihood", doc=r, arguments=("Question: " + r["question"] + "\\nAnswer:", " " + c), idx=k)
            for r in some for k, c in enumerate(r["choices"])]
lm.loglikelihood(requests(records[:1]), disable_tqdm=True)
started = time.perf_counter()
scores = [log for log, _ in lm.loglikelihood(requests(records), disable_tqdm=True)]
seconds = time.perf_counter() - started
acc = norm = 0
for i, r in enumerate(records):
    own = scores[4 * i : 4 * i + 4]
    acc += own.index(max(own)) == r["answer"]
    by = [s / len(c) for s, c in zip(own, r["choices"])]
    norm += by.index(max(by)) == r["answer"]
print(json.dumps({"questionsPerSecond": len(records) / seconds, "acc": acc / len(records), "accNorm": norm / len(records)}))
`
