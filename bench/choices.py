"""What `char_learner` chooses where nothing is given, beside what it might have chosen: the learning rate of each cell, and the width for a text of each length.

python bench/choices.py [--rates] [--widths] [--minutes 1]
A rate is judged by the validation loss after equal steps, a width by that after equal time, dropout 0 as it is chosen."""
import argparse
from fastai.basics import set_seed
from charrnn_fa.everything import *
from common import *

def loss_after(text, fit, bs=16, seq_len=32, **kwargs):
    "Validation loss in nats after a fit, and passes over the text"
    set_seed(0)
    dls   = CharDataLoaders.from_text(text, bs=bs, seq_len=seq_len, device='cpu')
    learn = char_learner(dls, precision='fp32', **kwargs)
    with learn.no_bar(), learn.no_logging(): fit(learn)
    return learn.evaluate().nats,learn.train_iter/len(dls.train)

def row(name, xs, own):
    "A row of a table: what is chosen is bold"
    return f'| {name} | '+' | '.join(f'**{v:.3f}**' if k==own else f'{v:.3f}' for k,v in xs.items())+' |'

def rates(text, steps, n_hid, grid=(1e-3,2e-3,4e-3,8e-3,16e-3)):
    "Losses of each cell at each rate"
    lines = [f'Nats after {steps:,} steps of 16 x 32, {n_hid} units', '', '| cell | '+' | '.join(f'{o:g}' for o in grid)+' |','|'+'---|'*(len(grid)+1)]
    for cell in ('rnn','gru','lstm','mingru'):
        lines.append(row(cell, {lr:loss_after(text, lambda l: l.fit_steps(steps, lr), arch=cell, n_hid=n_hid, lr=lr)[0] for lr in grid}, choose_lr(cell)))
        print(lines[-1], flush=True)
    return lines

def widths(text, minutes, lengths=(20_000,150_000,1_115_000), grid=(64,128,256,448)):
    "Losses of an LSTM of each width on the beginning of a text"
    lines = [f'Nats after {minutes:g} minutes of an LSTM, by width', '', '| characters | '+' | '.join(map(str, grid))+' |','|'+'---|'*(len(grid)+1)]
    for n in lengths:
        got = {h:loss_after(text[:n], lambda l: l.fit_minutes(minutes), arch='lstm', n_hid=h) for h in grid}
        lines.append(row(f'{n:,}', {h:o[0] for h,o in got.items()}, choose_size(int(.9*n))['n_hid']))
        print(lines[-1], 'passes:', ', '.join(f'{o[1]:.1f}' for o in got.values()), flush=True)
    return lines

def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument('--corpus', default='shakespeare')
    ap.add_argument('--rates', action='store_true', help='only these')
    ap.add_argument('--widths', action='store_true', help='only these')
    ap.add_argument('--steps', type=int, default=1500)
    ap.add_argument('--n-hid', type=int, default=256)
    ap.add_argument('--minutes', type=float, default=1)
    ap.add_argument('--out', help='file for the tables')
    a = ap.parse_args()
    text,both = get_corpus(a.corpus).text,a.rates==a.widths
    lines = [machine()]
    if both or a.rates:  lines += ['',*rates(text, a.steps, a.n_hid)]
    if both or a.widths: lines += ['',*widths(text, a.minutes)]
    print(*lines, sep='\n')
    save(lines, a.out)

if __name__=='__main__': main()
