"Trains with checkpoints in Drive, in a process of its own that can be killed: `python drive_child.py BASE NEAR OUT KIND`; without checkpoints if BASE is `-`"
import hashlib, json, os, sys
os.environ.setdefault('OMP_NUM_THREADS', '1')
from charrnn_fa.everything import *
from fastai.basics import set_seed
from resume_child import Around

text = 'she sells sea shells by the sea shore. the shells she sells are sea-shells, I am sure!\n'*120

def drive(base, near):
    "The run in Drive, with a folder for the time when it is away"
    return open_store('gdrive:charrnn/killed', local=near, root=base, token_uri=f'{base}/token', chunk=2**18, pause=(0.01,0.1), timeout=1, deadline=10)

def digest(learn):
    "What has to be equal to the bit"
    h = hashlib.sha256()
    for k,v in sorted(learn.model.state_dict().items()): h.update(k.encode()+v.contiguous().numpy().tobytes())
    r = learn.recorder
    return dict(weights=h.hexdigest(), losses=[o.item().hex() for o in r.losses], values=[[float(v).hex() for v in o] for o in r.values])

def main(base, near, out, kind='lstm'):
    set_seed(1)
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu')
    if kind=='own': learn = char_learner(dls, Around(CharRNN(len(dls.vocab), 'lstm', n_hid=64, dropout=0.1)), precision='fp32')
    else: learn = char_learner(dls, 'lstm', n_hid=64, dropout=0.1, **(dict(counts=4) if kind=='counted' else {}))
    cbs = [] if base=='-' else [Resume(drive(base, near), every=5)]
    with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(6, 1e-2, cbs=cbs)
    write_bytes(out, json.dumps(digest(learn)).encode())

if __name__=='__main__': main(*sys.argv[1:])
