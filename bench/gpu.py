"Training rate in fp32 and bf16 against cuDNN's own LSTM and the CPU, sampling rate, and the loss after some minutes; small on a CPU"
import argparse,os,platform,time
import torch, torch.nn as nn, torch.nn.functional as F
from charrnn_fa.everything import *

class Plain(nn.Module):
    "Embedding, `nn.LSTM`, head, and nothing else: the rate that the library's model is held against"
    def __init__(self, n_vocab, n_hid, n_layers):
        super().__init__()
        self.emb,self.rnn = nn.Embedding(n_vocab, 64),nn.LSTM(64, n_hid, n_layers, batch_first=True)
        self.head = nn.Linear(n_hid, n_vocab)
    def forward(self, x): return self.head(self.rnn(self.emb(x))[0])

def rate(model, dls, dev, precision, secs):
    "Characters per second of forward, backward and optimiser step"
    model = model.to(dev).train()
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    sync = torch.cuda.synchronize if dev.type=='cuda' else (lambda: None)
    dl,n,start = dls.train.new(device=dev),0,None
    while True:
        for i,(x,y) in enumerate(dl):
            with autocast(precision, dev): out = model(x)
            F.cross_entropy(out.float().flatten(0,1), y.reshape(-1)).backward()
            opt.step()
            opt.zero_grad()
            if start is None and i==4:
                sync()
                start = time.perf_counter()
            elif start is not None:
                n += x.numel()
                if i%10==0: sync()
                if time.perf_counter()-start>secs: return n/(time.perf_counter()-start)

def sampling_rate(model, vocab, n, batch):
    "Characters per second of sampling"
    sample_text(model, vocab, n=5, batch=batch)
    start = time.perf_counter()
    sample_text(model, vocab, n=n, batch=batch, seed=0)
    return n*(batch or 1)/(time.perf_counter()-start)

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    cuda = torch.cuda.is_available()
    for nm,d in dict(n_hid=1024 if cuda else 128, n_layers=2 if cuda else 1, bs=128 if cuda else 32, seq_len=128 if cuda else 32).items():
        ap.add_argument('--'+nm.replace('_','-'), type=int, default=d)
    ap.add_argument('--secs', type=float, default=5. if cuda else 1., help='seconds a rate is measured for')
    ap.add_argument('--minutes', type=float, default=3. if cuda else 0.1, help='minutes to train for')
    ap.add_argument('--corpus', default='shakespeare')
    a = ap.parse_args()
    dev = torch.device('cuda' if cuda else 'cpu')
    name = torch.cuda.get_device_name() if cuda else f'{os.cpu_count()} cores, {platform.machine()}'
    dls = CharDataLoaders.from_corpus(a.corpus, bs=a.bs, seq_len=a.seq_len, device=dev)
    size = f'LSTM {a.n_layers} x {a.n_hid}, bs {a.bs}, seq_len {a.seq_len}'
    print(f'{name}, torch {torch.__version__}, {size}\n\n| measured | characters/s |\n|---|---|')
    for p in ('fp32','bf16'):
        print(f'| CharRNN, {p} | {rate(CharRNN(len(dls.vocab), n_hid=a.n_hid, n_layers=a.n_layers), dls, dev, p, a.secs):,.0f} |', flush=True)
        print(f'| nn.LSTM alone, {p} | {rate(Plain(len(dls.vocab), a.n_hid, a.n_layers), dls, dev, p, a.secs):,.0f} |', flush=True)
    if cuda: print(f"| CharRNN on the CPU, fp32 | {rate(CharRNN(len(dls.vocab), n_hid=a.n_hid, n_layers=a.n_layers), dls, torch.device('cpu'), 'fp32', a.secs):,.0f} |")
    learn = char_learner(dls, 'lstm', n_hid=a.n_hid, n_layers=a.n_layers, dropout=0.3 if cuda else 0.)
    with learn.no_bar(), learn.no_logging(): learn.fit_minutes(a.minutes)
    for batch in (None,64): print(f'| sampling, batch {batch or 1} | {sampling_rate(learn.model, dls.vocab, 500, batch):,.0f} |')
    print(f'\nAfter {a.minutes} minutes: {learn.evaluate()}')

if __name__=='__main__': main()
