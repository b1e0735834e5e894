"The main job against a bare PyTorch loop of the same model, given the same time: validation loss on tiny Shakespeare, nanoGPT split"
import argparse,json,math,subprocess,sys,time
import torch, torch.nn as nn, torch.nn.functional as F
from charrnn_fa.everything import *

NANOGPT_A100,NANOGPT_CPU = 1.4697,1.88

def bare(model, dls, secs, lr, precision, seed=0):
    "Warm-up and cosine over wall-clock time, AdamW, clipping: what a person writes by hand"
    opt = torch.optim.AdamW(model.parameters(), lr=lr, betas=(.9,.99), weight_decay=.1, fused=True)
    dl,steps,start = dls.train,0,time.perf_counter()
    n,t,bs = dl.n_win,dl.seq_len,dl.bs
    data = torch.tensor(dl.codes[:bs*n*t+1].astype('int64'))
    x,y  = data[:-1].view(bs,-1),data[1:].view(bs,-1)
    while True:
        model.reset()
        for i in range(n):
            p = (time.perf_counter()-start)/secs
            if p>=1: return steps
            for g in opt.param_groups: g['lr'] = lr*(p/.05 if p<.05 else .5*(1+math.cos(math.pi*(p-.05)/.95)))
            with autocast(precision, 'cpu'): out = model(x[:,i*t:i*t+t])
            F.cross_entropy(out.float().view(-1,out.shape[-1]), y[:,i*t:i*t+t].reshape(-1)).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.)
            opt.step()
            opt.zero_grad()
            steps += 1

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--minutes', type=float, default=1.7)
    ap.add_argument('--run', default='runs/bench')
    a,more = ap.parse_known_args()
    cmd = [sys.executable,'-c','import sys; from charrnn_fa.cli import main; sys.exit(main())','train','shakespeare','--run',a.run,'--force',
        '--minutes',str(a.minutes),'--split','nanogpt','--seed','0','--json',*more]
    res = json.loads(subprocess.run(cmd, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    tm  = load_trained(f'{a.run}/model.safetensors')
    dls = CharDataLoaders.from_corpus('shakespeare', bs=res['bs'], seq_len=res['seq_len'], device='cpu')
    torch.manual_seed(0)
    model = CharRNN(**{k:v for k,v in tm.info['config'].items() if k not in ('kind','tables')})
    steps = bare(model, dls, a.minutes*60, res['lr'], res['precision'])
    ev = evaluate_codes(model, dls.valid.codes)
    print(f"charrnn train, {res['train_seconds']:.0f} s, {res['steps']:,} steps, {res['precision']}: {res['valid_nats']:.4f} nats, {res['valid_bpc']:.4f} bits per character; "
        f"the cell alone {res['cell_nats']:.4f}")
    print(f"bare loop, same model, {a.minutes*60:.0f} s, {steps:,} steps: {ev.nats:.4f} nats")
    print(f'nanoGPT as published: {NANOGPT_A100} (A100, 3 min), {NANOGPT_CPU} (CPU, 3 min)')

if __name__=='__main__': main()
