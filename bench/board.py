"Loss by budget on two texts: the library beside nanoGPT's CPU configuration and a plain LSTM given the same time, the best n-gram, xz and PPMd"
import argparse, lzma, math, platform, pydoc_data.topics, time
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from fastai.basics import set_seed
from common import *
from charrnn_fa.everything import *

class GPT(nn.Module):
    "nanoGPT's model in torch's own layers: pre-norm blocks, learned positions, tied head"
    def __init__(self, v, block=64, n=128, heads=4, layers=4, dropout=0.):
        super().__init__()
        self.block,self.emb,self.pos = block,nn.Embedding(v, n),nn.Embedding(block, n)
        layer = nn.TransformerEncoderLayer(n, heads, 4*n, dropout=dropout, activation='gelu', batch_first=True, norm_first=True)
        self.blocks,self.norm,self.head = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False),nn.LayerNorm(n),nn.Linear(n, v, bias=False)
        self.drop = nn.Dropout(dropout)
        for p in self.parameters():
            if p.dim()>1: nn.init.normal_(p, std=0.02)
        self.head.weight = self.emb.weight

    def forward(self, x): # (bs, t) -> (bs, t, v)
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=x.device)
        x = self.drop(self.emb(x)+self.pos.weight[:x.shape[1]])
        return self.head(self.norm(self.blocks(x, mask=mask, is_causal=True)))

def nanogpt(train, valid, v, secs, cfg=None, bs=12, dev='cpu', precision='fp32'):
    "By default its README's CPU command: block 64, batch 12, AdamW, cosine from 1e-3 to 1e-4 over the whole time"
    model = GPT(v, **(cfg or {})).to(dev)
    opt,data = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(.9,.99), weight_decay=.1, fused=True),torch.from_numpy(train).to(dev)
    scaler,t = torch.amp.GradScaler(torch.device(dev).type, enabled=precision=='fp16'),model.block
    start,steps = time.perf_counter(),0
    while (p := (time.perf_counter()-start)/secs)<1:
        for g in opt.param_groups: g['lr'] = 1e-3*min(1., (steps+1)/100)*(0.1+0.45*(1+math.cos(math.pi*p)))
        i = torch.randint(len(data)-t-1, (bs,1), device=dev)+torch.arange(t+1, device=dev)
        with autocast(precision, dev): out = model(data[i[:,:-1]])
        scaler.scale(F.cross_entropy(out.float().flatten(0,1), data[i[:,1:]].flatten())).backward()
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(model.parameters(), 1.)
        scaler.step(opt)
        scaler.update()
        opt.zero_grad()
        steps += 1
        if steps%10==0: synchronize(dev)                                  # or the queue of a GPU would run on after the time is up
    return windows(model.eval(), valid, t),f'its model in the layers of this torch: {steps:,} steps of {bs} x {t}, AdamW, 1e-3 to 1e-4, {n_params(model):,} parameters'

@torch.no_grad()
def windows(model, valid, t=64):
    "Loss with at least half a block before each character"
    dev = next(model.parameters()).device
    x,ls = torch.from_numpy(valid).to(dev),[]
    n = (len(x)-1-t)//(t//2)
    for i in range(0, n, 64):
        at = torch.arange(i, min(i+64, n), device=dev)[:,None]*(t//2)+torch.arange(t, device=dev)
        ls.append(F.cross_entropy(model(x[at])[:,t//2:].flatten(0,1), x[at+1][:,t//2:].flatten(), reduction='none'))
    return torch.cat(ls).mean().item()

class Plain(nn.Module):
    "Embedding, LSTM, head, as in a tutorial"
    def __init__(self, v, n=448):
        super().__init__()
        self.emb,self.rnn,self.head,self.h = nn.Embedding(v, 64),nn.LSTM(64, n, batch_first=True),nn.Linear(n, v),None
    def reset(self): self.h = None
    def forward(self, x):
        out,h  = self.rnn(self.emb(x), self.h if self.h is not None and self.h[0].shape[1]==len(x) else None)
        self.h = tuple(o.detach() for o in h)
        return self.head(out)

def plain(train, valid, v, secs):
    "Adam at its default rate, 32 rows of 64"
    model = Plain(v)
    opt,data = torch.optim.Adam(model.parameters()),torch.from_numpy(train[:len(train)//32*32]).view(32,-1)
    start,steps = time.perf_counter(),0
    while time.perf_counter()-start<secs:
        i = steps*64%(data.shape[1]-65)
        F.cross_entropy(model(data[:,i:i+64]).flatten(0,1), data[:,i+1:i+65].flatten()).backward()
        opt.step()
        opt.zero_grad()
        steps += 1
    return evaluate_codes(model, valid).nats,f'{steps:,} steps of 32 x 64, Adam, 1e-3, {n_params(model):,} parameters'

def ours(dls, secs, **kw):
    "One run gives two figures: cell with counts, and the cell alone"
    set_seed(0)
    learn = char_learner(dls, 'lstm', counts=9, **kw)                     # on held-out training text 0.003 nats better than 7
    with learn.no_bar(), learn.no_logging(): learn.fit_preset({**PRESETS['2min']['fit'], 'minutes':secs/60})
    ev = learn.evaluate()
    return ev.nats,ev.cell_nats,f'{learn.train_iter:,} steps, weight {float(learn.model.weight):.2f}, {n_params(learn.model):,} parameters',learn

def packed(pack, dls):
    "Nats a character of the validation part for a compressor that has just packed the training part"
    a,b = (dls.vocab.decode(o.codes).encode() for o in dls.loaders[:2])
    return (len(pack(a+b))-len(pack(a)))*8*math.log(2)/len(dls.valid.codes)

def xz(b): return lzma.compress(b, preset=9|lzma.PRESET_EXTREME)
def ppmd(b):
    import pyppmd
    return pyppmd.Ppmd7Encoder(16, 1<<28).encode(b)

def fixed(dls):
    "What takes no training time"
    ys = yardsticks(dls)
    yield f'best n-gram (order {ys.order})',ys.ngram,''
    yield 'xz -9e',packed(xz, dls),f'liblzma, Python {platform.python_version()}'
    try: yield 'PPMd, order 16',packed(ppmd, dls),'pyppmd'
    except ImportError: print('pyppmd is not installed: no line for PPMd')

whole,cell,adapted = 'charrnn_fa, LSTM and counts','the same, the cell alone','learning from the text as it is read (apart)'
goals = {('shakespeare','100 s',whole):1.375, ('shakespeare','100 s',cell):1.405, ('shakespeare','100 s',adapted):1.31,
    ('shakespeare','best',whole):1.345, ('shakespeare','best',cell):1.37, ('shakespeare','best',adapted):1.27}

def kept(fn, codes, adapt):
    "Lines for a model that was trained before"
    model = load_trained(fn).model
    ev = evaluate_codes(model, codes)
    yield whole,ev.nats,f'{n_params(model):,} parameters, trained before'
    yield cell,ev.get('cell_nats', ev.nats),''
    if adapt:
        ev = evaluate_codes(model, codes, adapt=True)
        yield adapted,ev.nats,f'{ev.seconds:.0f} s to evaluate'

def board(name, text, budgets, adapt, best=None):
    "Lines of the board for a text"
    dls = CharDataLoaders.from_corpus(text, **PRESETS['2min']['data'], split='nanogpt', device='cpu')
    train,valid = (np.asarray(o.codes).astype(np.int64) for o in dls.loaders[:2])
    for what,nats,note in fixed(dls): yield name,'-',what,nats,note
    for secs in budgets:
        nats,alone,note,learn = ours(dls, secs)
        yield name,f'{secs:g} s',whole,nats,note
        yield name,f'{secs:g} s',cell,alone,''
        if adapt:
            ev = learn.evaluate(adapt=True)
            yield name,f'{secs:g} s',adapted,ev.nats,f'{ev.seconds:.0f} s to evaluate'
        for nm,f in (('nanoGPT, CPU configuration',nanogpt),('plain nn.LSTM 448',plain)):
            torch.manual_seed(0)
            nats,note = f(train, valid, len(dls.vocab), secs)
            yield name,f'{secs:g} s',nm,nats,note

    if best and name=='shakespeare': yield from ((name,'best',*o) for o in kept(best, valid, adapt))

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--seconds', type=float, nargs='+', default=[100.])
    ap.add_argument('--texts', nargs='+', default=['shakespeare','python','topics'])
    ap.add_argument('--chars', type=int, default=2_000_000, help='read no more of a text')
    ap.add_argument('--adapt', action='store_true')
    ap.add_argument('--best', help='model.safetensors of a run on shakespeare without a limit of time')
    ap.add_argument('--out', help='file for the table')
    a = ap.parse_args()
    lines = [machine(), '', '| text | budget | what | nats | bits | goal | |', '|---|---|---|---|---|---|---|']
    print(*lines, sep='\n')
    for nm in a.texts:
        text = ''.join(pydoc_data.topics.topics.values()) if nm=='topics' else get_corpus(nm).head(a.chars) or get_corpus(nm).text[:a.chars]
        for text_nm,budget,what,nats,note in board(nm, text, a.seconds, a.adapt, a.best):
            goal = goals.get((text_nm,budget,what))
            lines.append(f'| {text_nm} | {budget} | {what} | {nats:.4f} | {nats/math.log(2):.4f} | {judged(nats, goal)} | {note} |')
            print(lines[-1], flush=True)
    save(lines, a.out)

if __name__=='__main__': main()
