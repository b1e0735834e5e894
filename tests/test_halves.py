"Two steps from a window: the same as loaders of half the window, then whole windows; steps, records and runs know of it"
import io,re
import pytest, torch, torch.nn.functional as F
from fastai.basics import Callback, set_seed
from fastai.callback.all import GradientAccumulation, RNNRegularizer
from charrnn_fa.everything import *
from charrnn_fa.shell.fit import PlainLog
from resume_child import Break, digest

text = ('she sells sea shells by the sea shore. the shells she sells are sea-shells, I am sure!\n'*40)[:1708]           # of which 1,537 are trained on: 4 rows of 24 windows of 16
level = dict(lr=1e-2, pct_start=0., div=1., div_final=1.)               # a learning rate that stays where it is

def loaders(seq_len=16): return CharDataLoaders.from_text(text, bs=4, seq_len=seq_len, device='cpu')

def learner(seq_len=16, **kwargs):
    set_seed(1)
    return char_learner(loaders(seq_len), 'lstm', n_hid=16, n_emb=8, **{**dict(cold=0., precision='fp32'), **kwargs})

def fitted(learn, n, **kwargs):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(n, **{**level, **kwargs})
    return learn

def weights(learn): return torch.cat([p.detach().flatten() for p in learn.model.parameters()])

def test_halves_are_windows_of_half_the_length():
    "Two passes, and a bit of a third"
    a,b = fitted(learner(), 55, halves=1.),fitted(learner(8), 110)
    assert torch.equal(weights(a), weights(b))
    assert len(a.recorder.losses)==55 and len(b.recorder.losses)==110

@pytest.mark.parametrize('halves,n', [(0.5,20),(0.3,20),(0.25,24)])
def test_half_windows_and_then_whole_ones(halves, n):
    "A loop of torch's alone, in which the state runs on"
    learn = learner(wd=0., clip=0)
    model,codes,at = copy_model(learn.model),torch.as_tensor(learn.dls.train.codes).long(),0
    opt = torch.optim.AdamW(model.parameters(), 1e-2, betas=(.9,.99), eps=1e-8, weight_decay=0.)
    for i in range(n):
        for k in (8,8) if i<halves*n else (16,):
            xy  = torch.stack([codes[r*384+at:r*384+at+k+1] for r in range(4)])
            at += k
            opt.zero_grad()
            F.cross_entropy(model(xy[:,:-1]).flatten(0,1), xy[:,1:].flatten()).backward()
            opt.step()
    fitted(learn, n, halves=halves)
    torch.testing.assert_close(weights(learn), torch.cat([p.detach().flatten() for p in model.parameters()]), atol=1e-5, rtol=1e-4)

def test_odd_windows_lose_no_character():
    seen = []
    class See(Callback):
        run_valid = False
        def before_backward(self): seen.append(self.yb[0])
    learn = learner(15, cbs=See())
    fitted(learn, len(learn.dls.train), halves=1.)
    ys = [y for _,y in loaders(15).train]
    assert [tuple(o.shape) for o in seen[:2]]==[(4,7),(4,8)] and torch.equal(torch.cat(seen, 1), torch.cat(ys, 1))

@pytest.mark.parametrize('at', [7,24,30,31])
def test_resumes_bit_for_bit(at, tmp_path):
    kw = dict(halves=.5, average=.9)
    make = lambda: learner(cold=.2, dropout=.2, counts=3)
    whole = fitted(make(), 60, **kw)
    with pytest.raises(RuntimeError, match='broken off'): fitted(make(), 60, **kw, cbs=[Resume(tmp_path, every=3),Break(at)])
    assert digest(fitted(make(), 60, **kw, cbs=Resume(tmp_path, every=3)))==digest(whole)

def test_halves_belong_to_the_run(tmp_path):
    with pytest.raises(RuntimeError, match='broken off'): fitted(learner(), 60, halves=.5, cbs=[Resume(tmp_path, every=3),Break(20)])
    for other in (0.,0.4):
        with pytest.raises(ValueError, match='halves'): fitted(learner(), 60, halves=other, cbs=Resume(tmp_path, every=3))

def test_beside_other_callbacks():
    "Accumulated gradients, regularised states and half precision take half windows as they take others"
    for kw in (dict(cbs=[GradientAccumulation(8)]), dict(cbs=[HiddenOutputs(),RNNRegularizer()]), dict(precision='bf16')):
        a,b = fitted(learner(**kw), 30, halves=1.),fitted(learner(8, **kw), 60)
        assert torch.equal(weights(a), weights(b)), kw

@pytest.mark.parametrize('halves,why', [(1.5,'halves=1.5'),(-1,'halves=-1'),('x','halves'),(float('nan'),'halves')])
def test_refuses(halves, why):
    with pytest.raises((ValueError,TypeError), match=why): fitted(learner(), 5, halves=halves)

def test_windows_of_one_character_have_no_halves():
    with pytest.raises(ValueError, match='at least 2 characters, these have 1'): fitted(learner(1), 5, halves=.5)

def test_two_of_them_are_refused():
    "Both would act, and leave quarters of a window"
    with pytest.raises(ValueError, match='quarters'): fitted(learner(), 5, halves=1., cbs=Halves(1.))
    with pytest.raises(ValueError, match='quarters'): fitted(learner(cbs=Halves(.5)), 5, halves=1.)

@pytest.mark.parametrize('halves', [0.,.5,1.])
def test_the_command_says_how_fast_windows_are_read(halves, monkeypatch):
    "A second for each window of 4 x 16 characters, on a clock that stands still otherwise"
    now,out = [0.],io.StringIO()
    class Tick(Callback):
        order,run_valid = -5,False
        def after_batch(self): now[0] += 1.
    monkeypatch.setattr('charrnn_fa.shell.fit.time.monotonic', lambda: now[0])
    fitted(learner(), 20, halves=halves, cbs=[Tick(),PlainLog(1., out)])
    rates = re.findall(r'([\d,]+) characters/s', out.getvalue())
    assert len(rates)==20 and set(rates)=={'64'}

@pytest.mark.parametrize('halves,ms', [(0.,100.),(.5,120.),(1.,140.)])
def test_fine_tuning_plans_for_halves(halves, ms, monkeypatch, capsys):
    "What is said beforehand, where a window takes 100 ms as a whole and 140 ms in halves"
    monkeypatch.setattr('charrnn_fa.train.minutes.step_seconds', lambda learn, n=15, parts=1: .14 if parts==2 else .1)
    learn = char_learner(loaders(), learner(), precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fine_tune_minutes(1, passes=2, halves=halves)
    n = int(re.search(r'2 passes over the text, (\d+) steps', said := capsys.readouterr().out)[1])
    assert f'take about {n*ms/1000:.0f} of the 60 seconds' in said
