"A checkpoint may be large and far away: it is read once, and not at all where a name says enough"
import contextlib, io
import pytest
from charrnn_fa.cli import train
from charrnn_fa.keep.store import DirStore, open_store
from charrnn_fa.keep.runs import MODEL_FILE, checkpoints
from charrnn_fa.keep.trained import load_run

@pytest.fixture
def reads(monkeypatch):
    "Names of checkpoints and models in the order in which they are read"
    res,real = [],DirStore.get
    def _get(self, entry):
        res.append(getattr(entry, 'name', entry))
        return real(self, entry)
    monkeypatch.setattr(DirStore, 'get', _get)
    return res

def kept(reads): return [o for o in reads if o.startswith('ck-') or o==MODEL_FILE]

@pytest.fixture
def again(tmp_path):
    "Trains the same small run, further with `more`"
    (tmp_path/'shells.txt').write_text('she sells sea shells by the sea shore.\n'*60)
    def _again(**kw):
        with contextlib.redirect_stderr(io.StringIO()):
            return train(str(tmp_path/'shells.txt'), run=str(tmp_path/'run'), epochs=1., every='10', n_hid=16, bs=4, seq_len=16, precision='fp32', **kw)
    return _again

def test_train_reads_the_newest_checkpoint_once(again, reads, tmp_path):
    again()
    assert not kept(reads)                                 # a new run has nothing to read
    newest = checkpoints(tmp_path/'run')[-1].name
    for o in (newest,MODEL_FILE): open_store(tmp_path/'run').delete(o)      # as if it had been killed before the end
    newest = checkpoints(tmp_path/'run')[-1].name
    res = again()
    assert res['resumed_at']>0 and kept(reads)==[newest]

def test_the_model_of_a_finished_run_is_all_that_is_read(again, reads, tmp_path):
    steps = again()['steps']
    del reads[:]
    assert load_run(tmp_path/'run').info['run_steps']==steps and kept(reads)==[MODEL_FILE]

def test_a_run_that_goes_on_is_its_newest_checkpoint(again, reads, tmp_path):
    again()
    old = (tmp_path/'run'/MODEL_FILE).read_bytes()
    steps = again(more=True)['steps']
    assert load_run(tmp_path/'run').info['run_steps']==2*steps
    (tmp_path/'run'/MODEL_FILE).write_bytes(old)           # as it is while the second part is under way
    names = [o.name for o in checkpoints(tmp_path/'run')]
    del reads[:]
    assert load_run(tmp_path/'run').info['segment']==1 and kept(reads)==[MODEL_FILE,names[-1]]
    for o in names:                                        # and if all that came later is damaged, the model is the last sound word
        if int(o[3:13])>steps: (tmp_path/'run'/o).write_bytes(b'')
    with contextlib.redirect_stdout(io.StringIO()): assert load_run(tmp_path/'run').info['run_steps']==steps
