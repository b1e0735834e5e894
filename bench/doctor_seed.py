"How far the repaired first network, and the LSTM that the doctor advises where it stands, come in a given time; the mark to pass is the best n-gram"
import argparse
import torch, torch.nn as nn
from fastai.basics import default_device,set_seed
from charrnn_fa.everything import *

class Repaired(nn.Module):
    "The network of the tutorial `why_it_did_not_learn` after all repairs"
    def __init__(self, n_vocab, n_hid=512, n_emb=64):
        super().__init__()
        self.n_hid,self.h,self.emb = n_hid,None,nn.Embedding(n_vocab, n_emb)
        self.i2h,self.h2o = nn.Linear(n_emb+n_hid, n_hid),nn.Linear(n_hid, n_vocab)
    def reset(self): self.h = None
    def forward(self, x):
        x = self.emb(x)                                                       # (bs, seq_len, n_emb)
        h,outs = self.h if self.h is not None and len(self.h)==len(x) else x.new_zeros(len(x), self.n_hid),[]
        for step in x.transpose(0, 1):                                        # (bs, n_emb), seq_len times
            h = torch.tanh(self.i2h(torch.cat([step, h], 1)))
            outs.append(h)
        self.h = h.detach()
        return self.h2o(torch.stack(outs, 1))                                 # (bs, seq_len, n_vocab)

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('corpus', nargs='?', default='shakespeare')
    ap.add_argument('--minutes', type=float, default=11, help='for each network')
    ap.add_argument('--nets', nargs='*', default=['repaired','lstm'], choices=['repaired','lstm'])
    ap.add_argument('--n-hid', type=int, default=512)
    a = ap.parse_args()
    dls = CharDataLoaders.from_corpus(a.corpus, bs=16, seq_len=32, device=default_device())
    ys  = yardsticks(dls)
    print(ys)
    for nm in a.nets:
        set_seed(0)
        if nm=='repaired': learn = CharLearner(dls, Repaired(len(dls.vocab), a.n_hid), lr=choose_lr('rnn'), cbs=Doctor())
        else: learn = char_learner(dls, 'lstm', cbs=Doctor())
        with learn.no_bar(): learn.fit_minutes(a.minutes)
        ev = learn.evaluate()
        print(f'{nm}: {ev}\n    {ys.passed(ev.nats)}; {abs(ys.ngram-ev.nats):.3f} {"below" if ev.nats<ys.ngram else "above"} the best n-gram')

if __name__=='__main__': main()
