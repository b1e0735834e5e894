"""Training on against training from scratch: `python bench/finetune.py` prints a table, `--rates` what the learning rates of the parts do

Both get the same number of steps of the same model, so that the table is the same on a busy machine; the step is timed in the process."""
import argparse, io, math, platform, pydoc, time
from contextlib import redirect_stdout
from pydoc_data.topics import topics
import numpy as np, torch
from fastai.basics import set_seed
from charrnn_fa.everything import *

MODULES = 'argparse','asyncio','collections','decimal','email.message','logging','pathlib','socket','subprocess','threading','typing','unittest','zipfile'

def prose(n):
    "`n` characters of the standard library's help: its topics, then the documentation of modules"
    parts = [topics[k] for k in sorted(topics)]
    for nm in MODULES:
        if sum(map(len, parts))>n: break
        parts.append(pydoc.plaintext.document(pydoc.locate(nm)))
    return '\n'.join(parts)[:n]

def learner(text, arch, seed, **kwargs):
    set_seed(seed)
    dls = CharDataLoaders.from_text(text, bs=16, seq_len=32, split=0.1)
    with redirect_stdout(io.StringIO()): return char_learner(dls, arch, precision='fp32', **kwargs)

def fit(learn, steps, lr=None):
    "Loss in the end, and the lowest on the way"
    with learn.no_bar(), learn.no_logging(), redirect_stdout(io.StringIO()): learn.fit_steps(steps, lr)
    return learn.evaluate().nats,min(float(o[1]) for o in learn.recorder.values)

def fine_tune(learn, steps, head=None, spread=1, passes=15):
    "`fine_tune_minutes` by steps: loss in the end, and the steps made"
    n = min(steps, math.ceil(passes*len(learn.dls.train)))
    head = choose_head(learn.dls.train.n_chars) if head is None else head
    if head:
        learn.freeze()
        fit(learn, round(head*n))
        learn.unfreeze()
    return fit(learn, round((1-head)*n), slice(learn.lr/spread, learn.lr) if spread!=1 else None)[0],n

def base_model(a):
    "A model of Shakespeare"
    if a.base: return load_trained(a.base)
    set_seed(0)
    learn = char_learner(CharDataLoaders.from_corpus('shakespeare', bs=16, seq_len=32), 'lstm', n_hid=a.n_hid, precision='fp32')
    fit(learn, a.base_steps)
    if a.save: learn.save_trained(a.save)
    return learn

def row(base, text, steps, seeds):
    "A row of the table, from several seeds"
    cfg = bare_model(base.model).config
    new = dict(n_hid=cfg['n_hid'], n_layers=cfg['n_layers'])
    drop,res = choose_dropout(int(0.9*len(text))) or 0.,[]
    for seed in range(seeds):
        last,best = fit(learner(text, cfg['cell'], seed, **new), steps)
        dry = fit(learner(text, cfg['cell'], seed, dropout=drop, **new), steps) if drop else (last,best)
        tuned,n = fine_tune(learner(text, base, seed), steps)
        res.append([learner(text, base, seed).evaluate().nats, last, best, *dry, tuned])
    return np.mean(res, 0),n

def table(a, base):
    print('characters | steps | untouched | from scratch | stopped in time | with dropout | stopped in time | fine-tuned | in steps | seconds a step\n'+'---|'*9+'---')
    for n in a.sizes:
        for steps in a.steps:
            text,start = prose(n),time.process_time()
            res,done = row(base, text, steps, a.seeds)
            print(f'{len(text):,} | {steps:,} | '+' | '.join(f'{o:.3f}' for o in res)+f' | {done:,} | {(time.process_time()-start)/a.seeds/(2*steps+done):.4f}', flush=True)

def rates(a, base):
    print('characters | steps | head first | embedding slower by | loss\n---|---|---|---|---')
    for n in a.sizes:
        for head,spread in ((0,1),(0.2,1),(0,10),(0.2,10)):
            learn = learner(prose(n), base, 0)
            loss = fine_tune(learn, a.steps[0], head, spread)[0]
            print(f'{n:,} | {a.steps[0]:,} | {head} | {spread} | {loss:.3f}', flush=True)

def main():
    p = argparse.ArgumentParser()
    p.add_argument('--base', help='a file of `save_trained`; by default Shakespeare is learnt first')
    p.add_argument('--save', help='where to keep that model')
    p.add_argument('--base_steps', type=int, default=6000)
    p.add_argument('--sizes', type=int, nargs='+', default=[20_000,100_000,1_000_000])
    p.add_argument('--steps', type=int, nargs='+', default=[500,2000])
    p.add_argument('--seeds', type=int, default=2)
    p.add_argument('--n_hid', type=int, default=256)
    p.add_argument('--rates', action='store_true', help='try learning rates of the parts instead')
    a = p.parse_args()
    torch.set_num_threads(1)
    print(f'Python {platform.python_version()}, torch {torch.__version__}, one thread of {platform.machine()}')
    (rates if a.rates else table)(a, base_model(a))

if __name__=='__main__': main()
