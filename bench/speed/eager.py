"""Times FunASR's own class, eager: a line with a number of seconds in, a line with milliseconds out."""
import sys
import time

import torch

sys.path.insert(0, sys.argv[1])
import funasr_reference

torch.set_num_threads(2)
model = funasr_reference.build(sys.argv[2], int(sys.argv[3]))
print("ready", flush=True)
for line in sys.stdin:
    clip = torch.rand(int(float(line) * 16000)) - 0.5
    begin = time.perf_counter()
    funasr_reference.expect(model, clip)
    print(1000 * (time.perf_counter() - begin), flush=True)
