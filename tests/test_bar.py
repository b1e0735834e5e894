"The bar of a notebook: in step with a plan that changes on the way, shown once, and its time left counted from where it began"
import re, nbformat
from nbclient import NotebookClient

prelude = '''
from charrnn_fa.everything import *
from fastai.basics import Callback
from fastprogress.fastprogress import NBProgressBar
from IPython.display import DisplayHandle
text,seen,pages = 'she sells sea shells by the sea shore.\\n'*80,[],[]
shown = NBProgressBar.on_update
def on_update(self, val, text, *args, **kwargs):
    if self.parent is None: seen.append(text)
    shown(self, val, text, *args, **kwargs)
NBProgressBar.on_update = on_update
put = DisplayHandle.update
def update(self, o, **kwargs):
    pages.append(get_ipython().display_formatter.format(o)[0].get('text/html', ''))
    put(self, o, **kwargs)
DisplayHandle.update = update

def fit(speeds, secs, *cbs):
    "For `secs` of a clock whose ticks a step are `speeds`: so many up to which step"
    seen.clear(), pages.clear()
    learn = char_learner(CharDataLoaders.from_text(text, bs=4, seq_len=16), 'gru', n_hid=16, precision='fp32')
    clock = lambda: sum(next(s for last,s in speeds if i<last) for i in range(getattr(learn, 'train_iter', 0)))
    plan  = Minutes(secs, secs, 1., 0., clock=clock, looks=40)
    try: learn.fit_for(plan, cbs=cbs)
    finally: print(f'ROWS {plan.n_steps/len(learn.dls.train)/plan.per_row}', *seen, sep='\\n')
'''

def run(*cells, tmp_path):
    "What each of the cells shows, one after the other in a kernel of their own"
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(o) for o in (prelude,*cells)])
    NotebookClient(nb, timeout=300, kernel_name='python3', resources=dict(metadata=dict(path=str(tmp_path)))).execute()
    return [o.outputs for o in nb.cells[1:]]

def tables(outs): return [o.data['text/html'] for o in outs if 'data' in o and '<table' in o.data.get('text/html', '')]
def printed(outs): return ''.join(o.text for o in outs if o.output_type=='stream')
def bars(s): return [(int(a),int(b)) for a,b in re.findall(r'% \[(\d+)/(\d+) ', s)]

def test_an_end_that_moves(tmp_path):
    "More rows than were planned, and fewer: one table, no bar beyond its end, and the last says how many there are"
    fits = ([(60,1),(10**6,.4)],240),([(60,1),(10**6,2)],600)
    for outs in run(*[f'fit({speeds}, {secs})' for speeds,secs in fits], tmp_path=tmp_path):
        said  = printed(outs)
        rows  = float(re.search(r'ROWS ([\d.]+)', said)[1])
        first,last = bars(said)[0],bars(said)[-1]
        assert len(tables(outs))==1 and 'progress' not in re.sub('class="fastprogress"', '', tables(outs)[0])
        assert len(re.findall('<tr', tables(outs)[0]))==1+last[1]
        assert all(a<b for a,b in bars(said)) and last==(last[1]-1,last[1]) and last[1]-1<rows<=last[1]!=first[1]

def test_one_row_has_one_bar(tmp_path):
    "Of a fit of one row only its steps have a bar; of two rows, both"
    fits = {20:1, 60:2}
    all_outs = run(*[f"fit([(10**6,1)], {secs})\nprint('BARS', max(o.count('<progress') for o in pages))" for secs in fits], tmp_path=tmp_path)
    for outs,most in zip(all_outs, fits.values(), strict=True): assert len(tables(outs))==1 and f'BARS {most}' in printed(outs)

def test_a_resumed_bar_knows_only_its_own_time(tmp_path):
    "At its start there is no time left to guess from; nothing was done yet"
    die = '''
class Die(Callback):
    def after_batch(self):
        if self.training and self.train_iter==150: raise KeyboardInterrupt
try: fit([(10**6,1)], 240, Resume('r', every=7), Die())
except KeyboardInterrupt: print('broken off')'''
    _,outs = run(die, "fit([(10**6,1)], 240, Resume('r', every=7))", tmp_path=tmp_path)
    lines  = [o for o in printed(outs).splitlines() if '% [' in o and not o.startswith('0.00')]
    assert bars(printed(outs))[1][0]>=3 and '<?' in lines[0] and all('<?' not in o for o in lines[1:])
