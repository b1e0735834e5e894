"Averaged weights: against a reference, in validation, checkpoints and samples, and resumed bit for bit"
import pytest, torch
from fastai.basics import Callback,np
from charrnn_fa.everything import *
from resume_child import make, digest

class Watch(Callback):
    "Notes the weights after each step, and what the model has in validation"
    order = 50
    def before_fit(self): self.ws,self.valid = [],[]
    def after_step(self): self.ws.append(flat(self.model))
    def before_validate(self): self.valid.append(flat(self.model))

class Break(Callback):
    order = 300
    def __init__(self, at, event='after_batch'): self.at,self.event = at,event
    def __call__(self, event):
        if event==self.event and self.learn.train_iter==self.at: raise RuntimeError('broken off')

def flat(model): return torch.cat([o.detach().flatten() for o in bare_model(model).parameters()]).double().numpy().copy()

def fit(learn, steps=130, cbs=(), average=0.998, **kw):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(steps, cbs=cbs, average=average, **kw)
    return learn

def mean_of(ws, decay, every):
    "The average as the documentation says it, in float64"
    res = ws[0]
    for n in range(2, len(ws)+1):
        k = 1 if n<=100 else every
        if n%k==0: res = (1-(share := max(1-decay**k, min(1, 10*k/n))))*res+share*ws[n-1]
    return res

def test_reference():
    watch = Watch()
    learn = fit(make(), cbs=[watch], average=0.95, div_final=1)
    want  = mean_of(watch.ws, 0.95, 10)
    assert np.abs(flat(learn.model)-want).max()<1e-6<1e-3<np.abs(watch.ws[-1]-want).max()
    at = (len(watch.ws)//len(watch.valid))                            # rows of equal length but the last
    assert np.abs(watch.valid[-1]-want).max()<1e-6
    assert len(watch.valid)>1 and np.abs(watch.valid[0]-watch.ws[at-1]).max()>1e-4

def test_the_training_itself_is_as_without():
    a,b = Watch(),Watch()
    x,y = fit(make(), cbs=[a]),fit(make(), cbs=[b], average=0)
    assert all((p==q).all() for p,q in zip(a.ws, b.ws)) and [o.item() for o in x.recorder.losses]==[o.item() for o in y.recorder.losses]
    assert (flat(y.model)==b.ws[-1]).all() and (flat(x.model)!=a.ws[-1]).any()

def test_what_is_validated_is_what_remains():
    learn = fit(make())
    assert learn.recorder.values[-1][1]==pytest.approx(float(learn.validate()[0]), abs=1e-6)

kinds = dict(counts=dict(counts=3), bf16=dict(precision='bf16'), fp16=dict(scale=dict(init_scale=2.**40, growth_interval=7)),
    wd=dict(weight_drop=0.2, n_acc=8), beside=dict(n_cells=2))

@pytest.mark.parametrize('kind', kinds)
def test_resumed(kind, tmp_path):
    "Broken off in a row, before and after a validation: the same average and the same last weights as in one go"
    whole = Watch()
    want  = digest(fit(make(**kinds[kind]), cbs=[whole]))
    row = len(make(**kinds[kind]).dls.train)
    for i,brk in enumerate((Break(37), Break(row, 'after_epoch'), Break(118))):
        with pytest.raises(RuntimeError, match='broken off'): fit(make(**kinds[kind]), cbs=[Resume(tmp_path/f'{i}', every=5), brk])
        watch = Watch()
        learn = fit(make(**kinds[kind]), cbs=[Resume(tmp_path/f'{i}', every=5), watch])
        assert digest(learn)==want and (watch.ws[-1]==whole.ws[-1]).all() and (flat(learn.model)!=watch.ws[-1]).any(), brk.at

def test_what_others_read(tmp_path):
    "The model of a checkpoint is the average, not the weights of the last step; so is what a sample is drawn from in a fit"
    class Look(Callback):
        order = 250
        def after_batch(self):
            if self.training and self.train_iter==60:
                self.last = flat(self.model)
                with averaged(self.learn): self.mean = flat(self.model)
                self.after = flat(self.model)
    look = Look()
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), cbs=[Resume(tmp_path, every=20), look, Break(61)])
    kept = flat(load_run(tmp_path).model)
    assert (kept==look.mean).all() and (kept!=look.last).any() and (look.after==look.last).all()

def test_refuses_another_average(tmp_path):
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), cbs=[Resume(tmp_path, every=20), Break(61)])
    with pytest.raises(ValueError, match='average 0.998 in the run and 0.9 here'): fit(make(), cbs=[Resume(tmp_path)], average=0.9)
