"fit_minutes: what was decided is state, rows and passes stay few, and no time is missed in silence"
import re, shutil
import pytest, torch
from fastai.basics import Callback, set_seed
from charrnn_fa.everything import *

text = 'she sells sea shells by the sea shore.\n'*80

class Ticks:
    "A clock that goes by the steps that a learner has made: a second each, and two from a step on"
    def __init__(self, learn, slow=60): self.learn,self.slow = learn,slow
    def __call__(self): return float(sum(2 if i>=self.slow else 1 for i in range(getattr(self.learn, 'train_iter', 0))))

class Dies(Exception): pass

class DieAt(Callback):
    "Break off after a step"
    order = 300
    def __init__(self, at): self.at = at
    def after_batch(self):
        if self.training and self.train_iter==self.at: raise Dies('at that step')

def learner():
    set_seed(0)
    return char_learner(CharDataLoaders.from_text(text, bs=4, seq_len=16), 'gru', n_hid=16, dropout=0.2, precision='fp32')

def fit(run, *cbs, secs=240, **kwargs):
    "Train for `secs` of the clock that goes by steps"
    learn = learner()
    plan  = Minutes(secs, secs, 1., 0., clock=Ticks(learn, **kwargs), looks=40)
    with learn.no_bar(), learn.no_logging(): learn.fit_for(plan, cbs=[Resume(run, every=7),*cbs])
    return learn,plan

def same(a, b): return all(torch.equal(x,y) for x,y in zip(a.model.state_dict().values(), b.model.state_dict().values()))

def test_the_end_moves_and_the_rate_follows(tmp_path):
    learn,plan = fit(tmp_path/'a')
    assert learn.train_iter==plan.n_steps and 145<=plan.n_steps<=155 and abs(Ticks(learn)()-240)<=4
    lrs = learn.recorder.lrs
    assert lrs[-1]<1e-4*max(lrs)*30 and max(abs(x-y) for x,y in zip(lrs[20:], lrs[21:]))<0.05*max(lrs)

@pytest.mark.parametrize('at', [20,75,120])
def test_a_resumed_run_goes_by_what_was_decided(at, tmp_path, capsys):
    "Broken off and resumed twice from the same files, a run comes out the same, at the step that the checkpoint had planned"
    with pytest.raises(Dies): fit(tmp_path/'a', DieAt(at))
    shutil.copytree(tmp_path/'a', tmp_path/'b')
    planned = newest_checkpoint(tmp_path/'a')[1]['callbacks']['fit_clock.0']['n_steps']
    (a,_),(b,_) = (fit(tmp_path/o) for o in 'ab')
    assert same(a, b) and a.train_iter==planned and a.recorder.lrs==b.recorder.lrs
    assert re.findall(r'Resuming \S+ at step [\d,]+ of ([\d,]+)', capsys.readouterr().out)==[str(planned)]*2

def test_a_resumed_run_is_the_unbroken_one(tmp_path):
    "Where nothing is decided after the last checkpoint, the run ends as if it had never been broken off"
    whole,plan = fit(tmp_path/'a', slow=10**6)
    with pytest.raises(Dies): fit(tmp_path/'b', DieAt(100), slow=10**6)
    again,_ = fit(tmp_path/'b', slow=10**6)
    assert plan.at==0 and whole.train_iter==240
    assert again.train_iter==whole.train_iter and same(whole, again) and again.recorder.lrs==whole.recorder.lrs

@pytest.mark.parametrize('n', [3,300,700])
def test_few_rows(n, tmp_path):
    "A short text makes no more than about twenty rows and validation passes, whatever the number of steps; breaking off in the middle of a row changes nothing"
    def _learner():
        set_seed(1)
        return char_learner(CharDataLoaders.from_text(text[:800], bs=2, seq_len=16), 'gru', n_hid=8, precision='fp32')
    a = _learner()
    with a.no_bar(), a.no_logging(): a.fit_steps(n)
    assert a.train_iter==n and len(a.recorder.values)<=20
    if n!=300: return
    b = _learner()
    with pytest.raises(Dies):
        with b.no_bar(), b.no_logging(): b.fit_steps(n, cbs=[Resume(tmp_path, every=1),DieAt(137)])
    b = _learner()
    with b.no_bar(), b.no_logging(): b.fit_steps(n, cbs=Resume(tmp_path, every=1000))
    assert same(a, b) and [list(o) for o in a.recorder.values]==[list(o) for o in b.recorder.values]

def test_too_short_a_time_is_said(capsys):
    learner().fit_minutes(0.0005)
    assert re.search(r'That is little, since measuring took [\d.]+ s of it: ', capsys.readouterr().out)

def test_one_thread_or_all(monkeypatch):
    "The faster number is taken, and torch has its threads back afterwards"
    import charrnn_fa.train.minutes as m
    was = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for slow,want in ((2,1),(1,2)):
            monkeypatch.setattr(m, 'time_step', lambda *a: 0.5 if torch.get_num_threads()==slow else 0.1)
            assert m.choose_threads(learner())==want and torch.get_num_threads()==2
    finally: torch.set_num_threads(was)

def test_mistakes_in_a_notebook():
    "A text for loaders, a text for minutes, a keyword misspelt"
    dls = CharDataLoaders.from_text(text, bs=4, seq_len=16)
    with pytest.raises(TypeError, match='dls is a str, not loaders'): char_learner('shakespeare')
    with pytest.raises(TypeError, match="takes no 'n_hdi'. Did you mean 'n_hid'"): char_learner(dls, n_hdi=3)
    with pytest.raises(TypeError, match='must be a number, such as 2'): learner().fit_minutes('2')

def test_a_message_is_the_message(tmp_path):
    "Nothing of fastai's stands before what a callback says"
    with pytest.raises(Dies) as e: fit(tmp_path, DieAt(2))
    assert str(e.value)=='at that step'

def test_a_plot_before_a_fit():
    with pytest.raises(ValueError, match='train first'): learner().plot_yardsticks()

def small():
    from charrnn_fa.everything import CharDataLoaders,char_learner
    return char_learner(CharDataLoaders.from_text('she sells sea shells\n'*200, bs=4, seq_len=32, device='cpu'), 'rnn', n_hid=8, precision='fp32')

def test_resuming_stands_above_the_table(tmp_path, capsys):
    from charrnn_fa.everything import Resume
    from fastai.callback.all import Callback
    import signal
    class Stop(Callback):
        def before_step(self):
            if self.train_iter==40: signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt): small().fit_steps(90, cbs=[Resume(tmp_path), Stop()])
    assert 'Stopped' not in capsys.readouterr().out                     # the exception says it, once
    for first in ('Resuming','is finished'):
        small().fit_steps(90, cbs=Resume(tmp_path))
        out = capsys.readouterr().out
        assert 0<=out.index(first)<out.index('train_loss')<out.index('0         ')<out.index('3         '), out

def test_no_raw_lists_and_the_bar_comes_back(capsys):
    learn = small()
    bar = learn.progress
    with learn.no_bar(): learn.fit_steps(40)
    rows = [o for o in capsys.readouterr().out.splitlines() if 'valid_loss' in o]
    assert len(rows)==2 and all(re.match(rf'epoch {i}  train_loss \d\.\d{{4}}  valid_loss \d', o) for i,o in enumerate(rows)), rows
    assert learn.progress is bar and learn.logger is print

def test_plots_of_a_loss_at_any_time():
    import matplotlib.pyplot as plt
    learn = small()
    with pytest.raises(ValueError, match='no loss to plot yet'): learn.recorder.plot_loss()
    with learn.no_bar(), learn.no_logging(): learn.lr_find(show_plot=False)
    learn.recorder.plot_loss()
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(40)
    plt.close('all')
    learn.recorder.plot_loss()
    assert [o.get_label() for o in plt.gca().lines]==['train','valid']
    plt.close('all')

class Windows:
    "A clock by which a window that is read in two halves takes 1.4 seconds, and another one 1"
    now = 0.
    def __call__(self): return self.now

class CountSteps(Callback):
    "Moves that clock, by the steps that the optimiser takes"
    order = -5                                                     # before anything that looks at the clock after a batch
    def __init__(self, clock): self.clock,self.per_window = clock,[]
    def before_batch(self): self.n = 0
    def after_step(self): self.n += 1
    def after_batch(self):
        if self.training:
            self.per_window.append(self.n)
            self.clock.now += 1.4 if self.n==2 else 1.

@pytest.mark.parametrize('halves', [0.,0.3,0.5,1.])
def test_the_plan_knows_that_halves_take_longer(halves):
    "What was planned at first is what is done, and the time is kept; the part with halves is over at its share of the steps"
    learn = learner()
    clock,n = Windows(),round(300/(1.4*halves+1-halves))
    plan,count = Minutes(n, 300, 1., 0., clock=clock, looks=40, halves=halves, ratio=1.4),CountSteps(clock)
    with learn.no_bar(), learn.no_logging(): learn.fit_for(plan, halves=halves, cbs=count)
    assert abs(clock.now-300)<=3 and abs(plan.n_steps-n)<=3 and learn.train_iter==plan.n_steps
    both = count.per_window.count(2)
    assert abs(both-halves*n)<=2 and count.per_window==[2]*both+[1]*(learn.train_iter-both)

def test_a_wrong_guess_of_what_halves_cost_is_made_good():
    learn = learner()
    clock = Windows()
    plan = Minutes(300, 300, 1., 0., clock=clock, looks=40, halves=.5, ratio=1.)
    with learn.no_bar(), learn.no_logging(): learn.fit_for(plan, halves=.5, cbs=CountSteps(clock))
    assert abs(clock.now-300)<=4
    lrs = learn.recorder.lrs
    assert lrs[-1]<0.01*max(lrs) and max(abs(x-y) for x,y in zip(lrs[20:], lrs[21:]))<0.05*max(lrs)

def test_minutes_with_halves(capsys):
    learn = learner()
    with learn.no_bar(), learn.no_logging(): learn.fit_minutes(0.02, halves=.5)
    assert re.search(r'About [\d,]+ steps? of', capsys.readouterr().out) and learn.train_iter==learn.last_step
    with pytest.raises(ValueError, match='halves=1.5'): learn.fit_minutes(0.02, halves=1.5)
