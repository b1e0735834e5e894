"""Random sound set-ups, untrained and after training: how often the doctor calls one ill, and how long it takes.
With `--log FILE` each set-up is one line of JSON there, and a second run of the same command goes on where the first one stopped."""
import argparse,collections,contextlib,io,json,random,sys,time
from pathlib import Path
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from fastai.basics import Adam,OptimWrapper,RMSProp,SGD,set_seed
from charrnn_fa.everything import *
sys.path.insert(0, str(Path(__file__).resolve().parent.parent/'tests'))
import zoo,zoo_wild

# texts: prose of several alphabets, code, a Markov source, letters with nothing in them
TEXTS = dict(latin=lambda r: zoo.words(seed=r.randrange(99)), greek=lambda r: zoo.words(zoo.GREEK, seed=r.randrange(99)),
    cjk=lambda r: zoo.words(zoo.CJK, n_words=r.choice((300,900)), seed=r.randrange(99)), code=lambda r: zoo.source(r.choice((30_000,60_000))),
    dna=lambda r: zoo_wild.dna(seed=r.randrange(99)), markov=lambda r: zoo_wild.markov(v=r.choice((5,12,20)), seed=r.randrange(99)),
    letters=lambda r: zoo_wild.letters(seed=r.randrange(99)))
LAYOUTS_OF = dict(btv=lambda o: o, bvt=lambda o: o.transpose(1,2), tbv=lambda o: o.transpose(0,1), flat=lambda o: o.flatten(0,1))

def noise(kind, p):
    "Noise that is there in training only"
    class Noise(nn.Module):
        def forward(self, x):
            if not self.training or kind=='none': return x
            if kind=='functional': return F.dropout(x, p, self.training)
            if kind=='gauss': return x+0.5*p*torch.randn_like(x)
            if kind=='rows': return x*(torch.rand(len(x), 1, x.shape[-1])>p).float()/(1-p)
            return x*torch.from_numpy((np.random.rand(*x.shape)>p).astype('float32'))/(1-p)
    return nn.Dropout(p) if kind=='module' else Noise()

def network(r, v):
    "A model and what it is"
    n,kind = r.choice((24,48,96)),r.choice(('keras','rnn','gru','loop','cells','raw','gates','conv','gpt','charrnn','nostate'))
    if kind=='charrnn':
        cell,layers = r.choice(('rnn','gru','lstm','mingru')),r.choice((1,1,2))
        return CharRNN(v, cell, n_hid=n, n_layers=layers, n_emb=r.choice((0,24,64)), dropout=r.choice((0.,.3)), learn_init=r.random()<.3),f'charrnn {cell} {layers}x{n}'
    make = dict(keras=lambda: zoo_wild.Keras(v, n, num_layers=r.choice((1,2))), rnn=lambda: zoo.Net(v, nn.RNN, n=n), gru=lambda: zoo.Net(v, nn.GRU, n=n),
        loop=lambda: zoo.Loop(v, n), cells=lambda: zoo.Cells(v, n), raw=lambda: zoo_wild.Karpathy(v, n), gates=lambda: zoo_wild.Gates(v, n),
        conv=lambda: zoo_wild._out(zoo_wild.Conv, lambda o: o.transpose(1,2))(v, n, r.choice((2,3,4))), gpt=lambda: zoo_wild.Transformer(v, 48),
        nostate=lambda: nn.Sequential(nn.Embedding(v, 24), zoo_wild.FirstOf(nn.GRU(24, n, batch_first=True)), nn.Linear(n, v)))
    return make[kind](),f'{kind} {n}'

class Setup(nn.Module):
    "A network whose embedding or output is made noisy, and whose output is laid out in some way"
    def __init__(self, net, noisy, layout):
        super().__init__()
        self.net,self.noisy,self.layout = net,noisy,layout
        for o in net.modules():
            if isinstance(o,nn.Embedding): o.register_forward_hook(self.after)
    def after(self, m, i, o): return self.noisy(o)
    def reset(self): reset_state(self.net)
    def forward(self, x): return LAYOUTS_OF[self.layout](self.net(x))

OPTS = dict(adamw=(adamw,(2e-3,4e-3,8e-3)), adam=(Adam,(1e-3,3e-3)), rmsprop=(RMSProp,(1e-3,)), sgd=(SGD,(0.5,1.)),
    torch_adam=(lambda ps,lr: OptimWrapper(ps, torch.optim.Adam, lr=lr),(1e-3,3e-3)),
    momentum=(lambda ps,lr: OptimWrapper(ps, torch.optim.SGD, lr=lr, momentum=0.9),(0.1,0.3)))

def setup(seed):
    "A learner drawn at random, and its description"
    r = random.Random(seed)
    set_seed(seed)
    text,opt = r.choice(list(TEXTS)),r.choice(list(OPTS))
    f,lr = OPTS[opt][0],r.choice(OPTS[opt][1])
    kind,p,lay = r.choice(('none','none','module','functional','gauss','rows','numpy')),r.choice((.1,.3,.5)),r.choice(list(LAYOUTS_OF))
    dls  = zoo.loaders(TEXTS[text](r), bs=r.choice((6,8,10)), seq_len=r.choice((16,32,48)))
    net,what = network(r, len(dls.vocab))
    if what[:3]!='cha': net = Setup(net, noise(kind, p), lay)
    return CharLearner(dls, net, opt_func=f, lr=lr, precision='fp32'),f'{seed}: {what}, {text}, {opt} {lr}, {kind} {p}, {lay}'

def examine_one(seed, steps):
    "What is found untrained and after training, and seconds of processor time of each look"
    learn,what = setup(seed)
    looks = []
    for n in (0,steps):
        if n:
            with learn.no_bar(), learn.no_logging(), contextlib.redirect_stdout(io.StringIO()): learn.fit_steps(n)
        start = time.process_time()
        d = learn.doctor()
        secs = time.process_time()-start
        looks.append(dict(steps=n, secs=secs, failed={k:str(o) for k,o in d.failed.items()}, found=[(o.severity, o.name, o.saw) for o in d]))
    return dict(seed=seed, what=what, looks=looks)

def tell(res):
    "Print what is more than a remark, and what could not be run"
    for look in res['looks']:
        at = f'{res["what"]}, {look["steps"]} steps'
        for sev,nm,saw in look['found']:
            if sev!='remark': print(f'{sev} {nm}: {at}: {saw}', flush=True)
        for k,o in look['failed'].items(): print(f'could not be run {k}: {at}: {o}', flush=True)

def worst(look): return min((o[0] for o in look['found']), key=SEVERITIES.index, default='nothing')

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    for nm,d in dict(n=200, start=0, steps=300).items(): ap.add_argument('--'+nm, type=int, default=d)
    ap.add_argument('--log', type=Path)
    a = ap.parse_args()
    done = [json.loads(o) for o in a.log.read_text().splitlines()] if a.log and a.log.exists() else []
    done = {o['seed']:o for o in done}
    for seed in range(a.start, a.start+a.n):
        if seed not in done:
            done[seed] = examine_one(seed, a.steps)
            if a.log:
                with a.log.open('a') as f: f.write(json.dumps(done[seed])+'\n')
        tell(done[seed])
    looks = [o for seed in range(a.start, a.start+a.n) for o in done[seed]['looks']]
    seen,ts = collections.Counter(worst(o) for o in looks),[o['secs'] for o in looks]
    print(f'{len(looks)} looks at {a.n} sound set-ups: {dict(seen)}; median {np.median(ts):.2f} s of processor time, at most {max(ts):.2f} s')

if __name__=='__main__': main()
