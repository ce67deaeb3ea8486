# Answers 'NAME COUNT' with [wall, cpu] milliseconds a call, and 'NAME check' with what the call gives.
import json
import sys
import time

import torch
import torchaudio.functional as F
import torchaudio.transforms as T

torch.set_num_threads(int(sys.argv[1]))
n = 60 * 16000
t = torch.arange(n, dtype=torch.float64)
wave = (0.4 * torch.sin(t * 0.05) + 0.3 * torch.sin(t * t * 1e-6)).float()[None]
a, b = torch.tensor([1.0, -1.6, 0.8]), torch.tensor([0.3, 0.1, 0.2])
mel, mfcc = T.MelSpectrogram(16000, n_fft=400, hop_length=160, n_mels=80), T.MFCC(16000)
down, up = T.Resample(16000, 8000), T.Resample(16000, 44100)
cases = {
    "MelSpectrogram": lambda: mel(wave),
    "MFCC": lambda: mfcc(wave),
    "Resample 16 to 8 kHz": lambda: down(wave),
    "Resample 16 to 44.1 kHz": lambda: up(wave),
    "lfilter": lambda: F.lfilter(wave, a, b),
}
with torch.no_grad():
    for line in sys.stdin:
        name, count = line.strip().rsplit(" ", 1)
        call = cases[name]
        if count == "check":
            print(json.dumps(call().flatten()[::997].tolist()), flush=True)
            continue
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(count)):
            call()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(json.dumps([wall * 1000 / int(count), cpu * 1000 / int(count)]), flush=True)
