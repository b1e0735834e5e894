"What fastai offers and documents, run on a `CharLearner`"
import pytest
from fastai.basics import Callback,set_seed
from charrnn_fa.everything import *

text = 'she sells sea shells by the sea shore.\n'*40

def make(text=text, bs=4, seq_len=16, arch='gru', n_hid=16, **kwargs):
    "A learner that takes milliseconds a step"
    set_seed(0)
    dls = CharDataLoaders.from_text(text, bs=bs, seq_len=seq_len, device='cpu')
    return char_learner(dls, arch, n_hid=n_hid, precision='fp32', **kwargs)

def quiet(learn, f):
    "Call `f` without bar and table"
    with learn.no_bar(), learn.no_logging(): return f()

# --- Who is asked what, around a fit ---

class Asked(Callback):
    "Somebody's own callback, whose methods have names that a framework might like"
    def __init__(self): self.calls = []
    def prepare(self): self.calls.append('prepare')
    def planned(self): self.calls.append('planned')
    def cleanup(self): self.calls.append('cleanup')
    def acquire(self): self.calls.append('acquire')
    def planned_steps(self): self.calls.append('planned_steps')
    def release(self): self.calls.append('release')

@pytest.mark.parametrize('where', ['learner','fit'])
def test_a_callbacks_own_methods_are_left_alone(where):
    own   = Asked()
    learn = make(cbs=own if where=='learner' else None)
    cbs   = own if where=='fit' else None
    quiet(learn, lambda: learn.fit_minutes(0.002, cbs=cbs))
    quiet(learn, lambda: learn.fit(1, cbs=cbs))
    assert own.calls==[]

class Guard(FitGuard):
    "Notes what it is asked, and fails where told to"
    def __init__(self, fail=None, n=None): self.calls,self.fail,self.n = [],fail,n
    def _note(self, what):
        self.calls.append(what)
        if what==self.fail: raise RuntimeError(f'{what} failed')
    def acquire(self, learn): self._note('acquire')
    def planned_steps(self, learn, minutes):
        self._note(f'planned {minutes}')
        return self.n
    def release(self, learn): self._note('release')
    def before_fit(self): self._note('before_fit')
    def after_batch(self): self._note('after_batch')

def test_a_guard_is_asked_before_a_fit_and_released_once():
    g,learn = Guard(n=3),make()
    quiet(learn, lambda: learn.fit_minutes(7., cbs=g))
    assert [o for o in g.calls if o!='after_batch']==['acquire','planned 7.0','before_fit','release']
    assert learn.train_iter==3 and learn.guards==[]

@pytest.mark.parametrize('fail', ['acquire','planned 7.0','before_fit','after_batch'])
def test_a_guard_is_released_whatever_fails(fail):
    g,other,learn = Guard(fail, 2),Guard(),make()
    with pytest.raises(RuntimeError, match=fail): quiet(learn, lambda: learn.fit_minutes(7., cbs=[other,g]))
    assert g.calls[-1]==other.calls[-1]=='release' and g.calls.count('release')==1
    assert learn.guards==[] and learn.minutes is None

@pytest.mark.parametrize('fails', [dict(lr='high'), dict(n_step=3)])
def test_a_failed_fit_minutes_gives_the_run_back(tmp_path, fails):
    learn = make()
    with pytest.raises((TypeError,ValueError)): quiet(learn, lambda: learn.fit_minutes(0.01, cbs=Resume(tmp_path), **fails))
    assert not list(tmp_path.glob('live-*'))
    quiet(learn, lambda: learn.fit_minutes(0.002, cbs=Resume(tmp_path)))

def test_measuring_that_fails_gives_the_run_back(tmp_path):
    learn = make()
    learn.opt_func = lambda *a,**k: 1/0
    with pytest.raises(ZeroDivisionError): quiet(learn, lambda: learn.fit_minutes(0.01, cbs=Resume(tmp_path)))
    assert not list(tmp_path.glob('live-*'))
