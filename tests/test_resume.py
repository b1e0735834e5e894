"Damaged and hostile files, full disks, stop signals, two processes, other callbacks and optimisers"
import json,os,random,resource,signal,sys,time
from functools import partial
import pytest, torch, warm
from conftest import root
from fastai.basics import Callback,CancelTrainException,nn,np,set_seed
from fastai.callback.all import CSVLogger,EarlyStoppingCallback,MixedPrecision,SaveModelCallback,ShowGraphCallback
from fastai.optimizer import Adam,RAdam,SGD,ranger
from charrnn_fa.everything import *
from resume_child import Break, make, fit, digest

def broken(path, at=60, **kw):
    "A run that was broken off"
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), [Resume(path, every=10, **kw), Break(at)])
    return checkpoints(path)

def go_on(path, cbs=(), **kw):
    learn = make()
    fit(learn, [Resume(path, every=10, **kw), *cbs])
    return learn

@pytest.fixture(scope='module')
def whole():
    learn = make()
    fit(learn)
    return digest(learn)

damages = dict(empty=lambda b: b'', byte=lambda b: b[:1], header=lambda b: b[:100], middle=lambda b: b[:len(b)//2], last=lambda b: b[:-1], longer=lambda b: b+b'x',
    foreign=lambda b: b'PK\3\4'+bytes(5000), text=lambda b: b'a text\n'*900)

@pytest.mark.parametrize('how', damages)
def test_damage(how, tmp_path, whole, capsys):
    "The newest file is damaged: it is said, and the one before is taken"
    last = broken(tmp_path)[-1]
    bad  = damages[how]((tmp_path/last.name).read_bytes())
    (tmp_path/last.name).write_bytes(bad)
    assert digest(go_on(tmp_path))==whole
    assert last.name in capsys.readouterr().out
    assert (tmp_path/last.name).read_bytes()==bad

def test_directory_in_its_place(tmp_path, whole, capsys):
    last = broken(tmp_path)[-1]
    (tmp_path/last.name).unlink()
    (tmp_path/last.name).mkdir()
    assert digest(go_on(tmp_path))==whole and last.name in capsys.readouterr().out

def test_no_permission(tmp_path, whole, capsys):
    last = broken(tmp_path)[-1]
    class Locked(DirStore):
        def get(self, e):
            if getattr(e,'name',e)==last.name: raise StoreError(f'Cannot read {e.name}: Permission denied', permanent=True)
            return super().get(e)
    assert digest(go_on(Locked(tmp_path)))==whole and 'Permission denied' in capsys.readouterr().out

def test_all_damaged(tmp_path, whole, capsys):
    for e in broken(tmp_path): (tmp_path/e.name).write_bytes(b'')
    assert digest(go_on(tmp_path))==whole and 'starts from the beginning' in capsys.readouterr().out
    assert sum(o.size==0 for o in checkpoints(tmp_path))==3

def test_bit_flips(tmp_path):
    "Each of 200 single flipped bits is noticed"
    data,rnd = bytearray((tmp_path/broken(tmp_path)[-1].name).read_bytes()),random.Random(1)
    for _ in range(200):
        i,b = rnd.randrange(len(data)),1<<rnd.randrange(8)
        data[i] ^= b
        with pytest.raises(CheckpointError): from_bytes(data)
        data[i] ^= b
    from_bytes(data)

def test_disk_full(tmp_path, monkeypatch, capsys, whole):
    "Training goes on when the disk is full; older checkpoints make room in vain, the newest safe one stays, and it is said once"
    before,real = broken(tmp_path),os.fsync
    def full(fd):
        if fit_on: raise OSError(28, 'No space left on device')
        real(fd)
    fit_on = []
    class Full(Callback):
        def after_batch(self): fit_on.append(1)
    monkeypatch.setattr(os, 'fsync', full)
    assert digest(go_on(tmp_path, [Full()]))==whole
    out = capsys.readouterr().out
    assert out.count('No space left')==1 and 'Training goes on' in out
    assert checkpoints(tmp_path)==before[-1:] and not list(tmp_path.glob('.*tmp'))

def test_disk_comes_back(tmp_path, capsys):
    class Flaky(DirStore):
        n = 0
        def put(self, name, data):
            self.n += 1
            if 3<self.n<7: raise StoreError('the network is away')
            return super().put(name, data)
    fit(make(), Resume(Flaky(tmp_path), every=10))
    assert capsys.readouterr().out.count('network is away')==1
    assert all(o['sound'] for o in run_table(tmp_path)) and run_table(tmp_path)[-1]['phase']=='finished'

def test_nan_pushes_nothing_out(tmp_path, capsys):
    class Spoil(Callback):
        def after_batch(self):
            if self.training and self.train_iter>=50: next(self.model.parameters()).data.fill_(float('nan'))
    fit(make(), [Resume(tmp_path, every=10), Spoil()])
    assert 'no checkpoint was written' in capsys.readouterr().out
    assert max(o['step'] for o in run_table(tmp_path))<=60
    assert all(torch.isfinite(o).all() for o in load_run(tmp_path).model.parameters())

@pytest.mark.parametrize('kw,what', [(dict(n_hid=32),': n_hid 24 in the run and 32 here'), (dict(n_cells=2),': n_cells 1 in the run and 2 here'), (dict(bs=8),': bs 4 in the run and 8 here'), (dict(cell='gru'),': cell lstm'),
    (dict(opt='fastai'),'; optimiser AdamW in the run and Optimizer here'), (dict(n=5),': 3 epochs in the run and 5 epochs here')])
def test_refuses(kw, what, tmp_path):
    before = broken(tmp_path)
    with pytest.raises(ValueError, match=what): fit(make(**kw), Resume(tmp_path), **kw)
    assert checkpoints(tmp_path)==before and not list(tmp_path.glob('live*'))

def test_refuses_another_text(tmp_path):
    broken(tmp_path)
    for text in 'x'*2000+'abc'*900, make().vocab.decode(torch.arange(19))*200:
        learn = char_learner(CharDataLoaders.from_text(text, bs=4, seq_len=16, device='cpu'), 'lstm', n_hid=24, n_emb=8, precision='fp32')
        with pytest.raises(ValueError, match=f': the text has changed since, from [0-9,]+ characters to {len(text):,}'): fit(learn, Resume(tmp_path))

def test_force_plan(tmp_path):
    "Whoever means it trains on under another plan"
    broken(tmp_path)
    learn,cb = make(),Resume(tmp_path, force='plan')
    fit(learn, cb, n=4)
    assert cb.began_at==60 and learn.train_iter==4*len(learn.dls.train) and len(learn.recorder.values)==4

def test_newer_format(tmp_path, monkeypatch):
    import charrnn_fa.keep.file as c
    monkeypatch.setattr(c, 'FORMAT', 2)
    learn = make()
    fn = learn.save_trained(tmp_path/'m')
    monkeypatch.setattr(c, 'FORMAT', 1)
    with pytest.raises(CheckpointError, match='of format 2; this version reads up to 1: upgrade'): load_trained(fn)

@pytest.mark.parametrize('sig', [signal.SIGINT, signal.SIGTERM])
def test_signals(sig, tmp_path, whole, capsys):
    "The step is finished, a checkpoint written, and the learner can sample; the handlers come back, and get the signal once all is safe"
    class Signal(Callback):
        def before_step(self):
            if self.train_iter==70: signal.raise_signal(sig)
    heard,learn,cb = [],make(),Resume(tmp_path, every='60s')
    def _hear(num, frame): heard.append((num, '0071.0' in checkpoints(tmp_path)[-1].name, cb.active))
    was = signal.signal(sig, _hear)
    try:
        if sig==signal.SIGTERM: fit(learn, [cb, Signal()])
        else:
            with pytest.raises(KeyboardInterrupt, match='Stopped at step 71; run this cell again to resume'): fit(learn, [cb, Signal()])
        assert signal.getsignal(sig) is _hear
    finally: signal.signal(sig, was)
    assert heard==([(sig,True,False)] if sig==signal.SIGTERM else [])
    assert cb.stopped==sig.name and learn.train_iter==71 and learn.guards==[]
    assert len(learn.sample('she', 20))==23
    assert checkpoints(tmp_path)[-1].name.startswith('ck-0000000071.0')
    assert digest(go_on(tmp_path))==whole

def test_stop_while_validating(tmp_path, whole):
    class Signal(Callback):
        def before_validate(self):
            if self.epoch==1: signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt): fit(make(), [Resume(tmp_path, every='60s'), Signal()])
    assert digest(go_on(tmp_path))==whole

def test_second_process_is_told(tmp_path):
    "While one process trains a run another is refused; when the first is killed it is not"
    code = 'import sys; from resume_child import *; learn = make(); fit(learn, Resume(sys.argv[1], every=5), n=100000)'
    p = warm.Popen([sys.executable,'-c',code,str(tmp_path)], cwd=root/'tests')
    try:
        while not checkpoints(tmp_path):
            assert p.poll() is None
            time.sleep(.05)
        with pytest.raises(RunInUse, match=f'Process {p.pid} on this machine has been training'): fit(make(), Resume(tmp_path))
    finally:
        p.kill()
        p.wait()
    with pytest.raises(ValueError, match=': 100,000 epochs in the run'): fit(make(), Resume(tmp_path))

def test_taken_over(tmp_path, capsys):
    "A process whose run was claimed later by another stops writing and says so"
    class Other(Callback):
        def after_batch(self):
            if self.training and self.train_iter==75: Claim(open_store(tmp_path)).take()
    learn = make()
    fit(learn, [Resume(tmp_path, every=10), Other()])
    assert learn.train_iter==3*len(learn.dls.train) and capsys.readouterr().out.count('has taken over')==1
    assert max(o['step'] for o in run_table(tmp_path))<=80

def test_with_other_callbacks(tmp_path):
    "SaveModel, EarlyStopping, CSVLogger and a user's own, across a break: files and values as without one"
    class Counter(Callback):
        n = 0
        def after_batch(self): self.n += self.training
        def state_dict(self): return dict(n=self.n)
        def load_state_dict(self, s): self.n = s['n']
    def run(path, cbs=()):
        learn,c = make(),Counter()
        learn.path = path
        path.mkdir(exist_ok=True)
        with learn.no_bar():
            learn.fit_one_cycle(5, 3e-2, cbs=[SaveModelCallback(), EarlyStoppingCallback(patience=2), CSVLogger(append=True), c, *cbs])
        return learn,c
    a,ca = run(tmp_path/'a')
    for at in (60,130):
        with pytest.raises(RuntimeError): run(tmp_path/'b', [Resume(tmp_path/'b/ck', every=7), Break(at)])
    b,cb = run(tmp_path/'b', [Resume(tmp_path/'b/ck', every=7)])
    assert ca.n==cb.n and digest(a)==digest(b)
    rows = [[l.rsplit(',',1)[0] for l in (tmp_path/o/'history.csv').read_text().splitlines()] for o in 'ab']
    assert rows[0]==rows[1] and len(rows[0])==len(a.recorder.values)+1
    ws = [torch.load(tmp_path/o/'models/model.pth', weights_only=True) for o in 'ab']
    assert all(torch.equal(ws[0][k], ws[1][k]) for k in ws[0])

# --- Gradients that wait, and fits one after another ---

class BreakEpoch(Callback):
    "Break off after an epoch, when all that goes with it is done"
    order = 300
    def after_epoch(self): raise RuntimeError('broken off')

def broken_and_whole(run, folder, *breaks):
    "What a run comes to that is broken off and resumed, and one that is not"
    whole = run(folder/'whole')
    with pytest.raises(RuntimeError, match='broken off'): run(folder/'run', *breaks)
    again = run(folder/'run')
    return digest(again),digest(whole)

def test_gradients_wait_over_the_end_of_an_epoch(tmp_path):
    "Five windows of 4 rows come to an update, and an epoch's last ones wait for the next epoch"
    def run(path, *cbs):
        learn = make(n_acc=20)
        assert len(learn.dls.train)%5
        fit(learn, [Resume(path, every=50), *cbs], fit='plain', n=2)
        return learn
    again,whole = broken_and_whole(run, tmp_path, BreakEpoch())
    assert again==whole

@pytest.mark.parametrize('opt', [Adam,SGD])
def test_gradients_wait_in_an_optimiser_of_fastai(opt, tmp_path):
    "It detaches gradients in place, which a view into a file's bytes does not allow"
    def run(path, *cbs):
        learn = make(n_acc=20)
        learn.opt_func = opt
        fit(learn, [Resume(path, every=1), *cbs], fit='plain', n=1)
        return learn
    again,whole = broken_and_whole(run, tmp_path, Break(6))
    assert again==whole

@pytest.mark.parametrize('opt', [Adam,partial(SGD, mom=.9),RAdam,ranger], ids=['Adam','SGD','RAdam','ranger'])
def test_a_gradient_of_zero_is_one(opt, tmp_path):
    "fastai's optimisers go on stepping by momentum where a gradient is zero, and leave alone what has none: the start of the rows, before the first one begins anew"
    def run(path, *cbs):
        learn = make(learn_init=True)
        learn.opt_func,learn.cold_start.p = opt,.04
        fit(learn, [Resume(path, every=1), *cbs], steps=45, fit='steps')
        return learn
    again,whole = broken_and_whole(run, tmp_path, Break(25))
    assert again==whole

def test_a_checkpoint_of_before_zero_gradients_were_named(tmp_path, whole):
    for e in broken(tmp_path):
        tree,ts = from_bytes((tmp_path/e.name).read_bytes()),{}
        del tree['zero_grads']
        (tmp_path/e.name).write_bytes(to_bytes(pack(tree, ts), ts))
    assert digest(go_on(tmp_path))==whole

def test_between_two_fits(tmp_path):
    "A script of two fits, broken off between them: the second goes on from the random numbers that the first one left, which was finished before"
    def run(path, between=None):
        learn = make(dropout=.3)
        learn.freeze()
        fit(learn, Resume(path/'head', every=5), steps=20, fit='steps')
        if between: raise RuntimeError('broken off')
        learn.unfreeze()
        fit(learn, Resume(path/'all', every=5), steps=20, fit='steps')
        return learn
    again,whole = broken_and_whole(run, tmp_path, True)
    assert again==whole

def test_stopped_early(tmp_path):
    "A callback that ends the fit after an epoch comes before us: that epoch is the best, and its row is there when the same cell runs again"
    def run():
        learn = make()
        learn.path = tmp_path
        with learn.no_bar(), learn.no_logging():
            learn.fit(6, 1e-2, cbs=[EarlyStoppingCallback(patience=1, min_delta=.5), CSVLogger(), Resume(tmp_path/'r', every=10)])
        return learn,(tmp_path/'history.csv').read_text().splitlines()
    learn,rows = run()
    vs = [float(o[1]) for o in learn.recorder.values]
    assert len(rows)==len(vs)+1<7 and min(vs)==vs[-1]
    assert load_run(tmp_path/'r', best=True).info['step']==len(vs)*len(learn.dls.train)
    assert [o['step'] for o in run_table(tmp_path/'r') if o['best']]==[len(vs)*len(learn.dls.train)]
    again,same = run()
    assert same==rows and again.train_iter==learn.train_iter

def elsewhere(folder, run, *cbs):
    "A fit of four epochs in a folder of its own, in which the model of the first epoch stays the best to keep; a run may be begun in another folder"
    learn = make()
    learn.path = folder
    fit(learn, [SaveModelCallback(min_delta=10.), Resume(run, every=10), *cbs], fit='plain', n=4)
    return learn

def weights(folder): return torch.load(folder/'models/model.pth', weights_only=True)
def equal(a, b): return a.keys()==b.keys() and all(torch.equal(a[k], b[k]) for k in a)

def test_the_saved_model_of_another_machine(tmp_path, capsys):
    "`SaveModelCallback` loads its file at the end: where that was on another machine, and the best checkpoint is what was in it, it is written again"
    whole = elsewhere(tmp_path/'whole', tmp_path/'whole/r')
    with pytest.raises(RuntimeError, match='broken off'): elsewhere(tmp_path/'a', tmp_path/'r', Break(70))
    learn = elsewhere(tmp_path/'b', tmp_path/'r')
    assert digest(learn)==digest(whole) and equal(weights(tmp_path/'b'), weights(tmp_path/'whole')) and equal(weights(tmp_path/'b'), learn.model.state_dict())
    assert 'model.pth is not here' in capsys.readouterr().out

def test_a_saved_model_that_is_gone(tmp_path, capsys):
    "Where no checkpoint has what was in the file, that is said, and the callback begins anew; where nothing is left to train, the learner keeps the last weights"
    with pytest.raises(RuntimeError, match='broken off'): elsewhere(tmp_path/'a', tmp_path/'r', Break(110))
    learn = elsewhere(tmp_path/'b', tmp_path/'r')
    assert 'model.pth is not here' in capsys.readouterr().out and not equal(weights(tmp_path/'a'), weights(tmp_path/'b'))
    assert equal(weights(tmp_path/'b'), learn.model.state_dict()) and run_table(tmp_path/'r')[-1]['phase']=='finished'
    again = elsewhere(tmp_path/'c', tmp_path/'r')
    assert equal(again.model.state_dict(), learn.model.state_dict()) and 'model.pth is not here' in capsys.readouterr().out

def test_threads_come_back(tmp_path, monkeypatch):
    "`fit_minutes` takes as many threads as are fastest, a resumed one as many as the run had; both leave as many as there were"
    monkeypatch.setattr('charrnn_fa.train.minutes.choose_threads', lambda learn: 1)
    was,inside = torch.get_num_threads(),[]
    class Count(Callback):
        def before_batch(self): inside.append(torch.get_num_threads())
    try:
        torch.set_num_threads(2)
        with pytest.raises(RuntimeError, match='broken off'): fit(make(), [Resume(tmp_path, every=5), Count(), Break(12)], fit='minutes', n=.04)
        assert torch.get_num_threads()==2
        for _ in range(2):
            fit(make(), [Resume(tmp_path, every=5), Count()], fit='minutes', n=.04)      # the second finds it finished
            assert torch.get_num_threads()==2
        assert {*inside}=={1}
    finally: torch.set_num_threads(was)

def test_gradient_scaler(tmp_path):
    "A callback's gradient scaler goes on with its scale and its count"
    class Scaled(Callback):
        def before_fit(self): self.scaler = torch.amp.GradScaler('cpu', init_scale=8., growth_interval=7)
        def before_backward(self): self.learn.loss_grad = self.scaler.scale(self.loss_grad)
        def before_step(self): self.scaler.unscale_(self.opt.opt)
        def after_step(self): self.scaler.update()
    def run(path, *cbs):
        learn,c = make(),Scaled()
        fit(learn, [c, Resume(path, every=10), *cbs])
        return digest(learn),c.scaler.state_dict()
    with pytest.raises(RuntimeError): run(tmp_path/'a', Break(65))
    a,b = run(tmp_path/'a'),run(tmp_path/'b')
    assert a==b and a[1]['scale']>8.

def test_graph_and_bar(tmp_path, capsys):
    "The graph of the losses and the table go on as one"
    def run(*cbs):
        learn = make()
        learn.fit_one_cycle(3, 1e-2, cbs=[Resume(tmp_path, every=10), ShowGraphCallback(), *cbs])
        return learn
    with pytest.raises(RuntimeError): run(Break(120))
    capsys.readouterr()
    learn = run()
    rows = [o for o in capsys.readouterr().out.splitlines() if o[:1].isdigit()]
    assert [o.split()[0] for o in rows]==['0','1','2']
    assert len(learn.recorder.losses)==3*len(learn.dls.train)

def test_best(tmp_path):
    "The best checkpoint outlives the last ones"
    class Worse(Callback):
        order = 49
        def after_validate(self):
            if self.epoch: self.recorder.loss.total += 10*self.recorder.loss.count
    fit(make(), [Resume(tmp_path, every=10, keep=2), Worse()])
    best = [o for o in run_table(tmp_path) if o['best']]
    assert len(best)==1 and best[0]['step']==len(make().dls.train) and len(checkpoints(tmp_path))==3
    assert load_run(tmp_path, best=True).info['step']==best[0]['step']

@pytest.mark.parametrize('train_metrics', [False,True])
def test_best_is_a_validation_loss(train_metrics, tmp_path):
    "Not another figure of the row: fastai can measure on the training part, too, and leaves out what a part that was cancelled would have given"
    class Watch(Callback):
        order = 70
        def after_batch(self):
            if self.training and not train_metrics and self.epoch==0 and self.iter==2: raise CancelTrainException()
        def after_validate(self): valid.append((self.train_iter, float(self.recorder.loss.value)))
    learn,valid = make(),[]
    learn.recorder.train_metrics = train_metrics
    with learn.no_bar(): learn.fit(3, 1e-2, cbs=[Resume(tmp_path, every=1000), Watch()])
    rows = run_table(tmp_path)
    assert (rows[-1]['step'],rows[-1]['valid'])==valid[-1]
    assert [o['step'] for o in rows if o['best']]==[min(valid, key=lambda o: o[1])[0]]

def test_precision_of_a_callback(tmp_path, capsys):
    "fastai's `MixedPrecision` is part of the plan, like `precision=`"
    half = lambda: MixedPrecision(amp_mode='bf16')
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), [Resume(tmp_path/'a', every=10), Break(30)])
    with pytest.raises(ValueError, match='precision fp32 in the run and bf16 here'): fit(make(), [Resume(tmp_path/'a', every=10), half()])
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), [Resume(tmp_path/'b', every=10), half(), Break(30)])
    learn = make()
    fit(learn, [Resume(tmp_path/'b', every=10), half()])
    assert learn.precision=='bf16' and 'Resuming' in capsys.readouterr().out

class Cancel(Callback):
    "Breaks off the training part of the first epoch, and, where it is told so, the fit at the beginning of the second"
    order = 30
    def __init__(self, dies=False): self.dies = dies
    def before_train(self):
        if self.dies and self.epoch: raise RuntimeError('broken off')
    def after_batch(self):
        if self.training and self.epoch==0 and self.iter==4: raise CancelTrainException()

def test_a_training_part_that_is_cancelled(tmp_path):
    "The next epoch begins at the beginning of the text, in a run that was broken off, too"
    whole = make()
    fit(whole, [Cancel()])
    assert whole.train_iter==5+2*len(whole.dls.train)
    with pytest.raises(RuntimeError, match='broken off'): fit(make(), [Resume(tmp_path, every=1000), Cancel(dies=True)])
    learn = make()
    fit(learn, [Resume(tmp_path, every=1000), Cancel()])
    assert digest(learn)==digest(whole)

@pytest.mark.parametrize('at', ['before_epoch','before_train','after_cancel_epoch'])
def test_a_fit_that_begins_later(at, tmp_path):
    "`start_epoch` leaves epochs out; those that follow are the same after a stop"
    class Dies(Callback): order = 300
    def die(self):
        if self.epoch==(at!='after_cancel_epoch'): raise RuntimeError('broken off')
    setattr(Dies, at, die)
    def go(*cbs):
        learn = make()
        with learn.no_bar(), learn.no_logging(): learn.fit(3, 1e-2, start_epoch=1, cbs=list(cbs))
        return learn
    with pytest.raises(RuntimeError, match='broken off'): go(Resume(tmp_path, every=1000), Dies())
    assert digest(go(Resume(tmp_path, every=1000)))==digest(go())

def test_custom_module(tmp_path):
    "A module of one's own is resumed too, and sampled from when it is given"
    class Net(nn.Module):
        def __init__(self, v):
            super().__init__()
            self.e,self.l = nn.Embedding(v,8),nn.Linear(8,v)
        def forward(self, x): return self.l(self.e(x))
    def new(): 
        set_seed(2)
        dls = CharDataLoaders.from_text('abc abd '*500, bs=4, seq_len=16, device='cpu')
        return char_learner(dls, Net(len(dls.vocab)), precision='fp32')
    a,b = new(),new()
    fit(a)
    with pytest.raises(RuntimeError): fit(b, [Resume(tmp_path, every=10), Break(100)])
    b = new()
    fit(b, Resume(tmp_path, every=10))
    assert all(torch.equal(x,y) for x,y in zip(a.model.parameters(), b.model.parameters()))
    with pytest.raises(CheckpointError, match='pass one as `model=`'): load_run(tmp_path)
    assert load_run(tmp_path, model=Net(len(b.vocab))).sample('a', 9, seed=1)

class Unreset(nn.Module):
    "A state in an attribute, as one writes it, without a `reset`, and a count of calls, which matters"
    def __init__(self, v):
        super().__init__()
        self.e,self.r,self.l,self.h,self.calls = nn.Embedding(v,8),nn.GRU(8,8,batch_first=True),nn.Linear(8,v),None,0
    def forward(self, x):
        y,h = self.r(self.e(x), self.h if self.h is not None and self.h.shape[1]==len(x) else None)
        self.h,self.calls = h.detach(),self.calls+1
        return self.l(y)*(1+self.calls%3/10)

class Gru(Unreset):
    def reset(self): self.h = None

class Deep(nn.Module):
    "A pair of tensors in a dictionary of a module in a module"
    def __init__(self, v):
        super().__init__()
        self.e,self.inner,self.l = nn.Embedding(v,8),nn.Module(),nn.Linear(8,v)
        self.inner.r,self.inner.kept = nn.LSTM(8,8,batch_first=True),{}
        self.inner.__class__ = type('Inner', (nn.Module,), {})
    def reset(self): self.inner.kept = {}
    def forward(self, x):
        hc = self.inner.kept.get(len(x))
        y,hc = self.inner.r(self.e(x), hc)
        self.inner.kept = {len(x):tuple(o.detach() for o in hc)}
        return self.l(y)

class Buffer(nn.Module):
    "A buffer that is not saved with the weights"
    def __init__(self, v):
        super().__init__()
        self.e,self.r,self.l = nn.Embedding(v,8),nn.RNN(8,8,batch_first=True),nn.Linear(8,v)
        self.register_buffer('h', torch.zeros(1, 1, 8), persistent=False)
    def reset(self): self.h = torch.zeros(1, 1, 8)
    def forward(self, x):
        y,h = self.r(self.e(x), self.h.expand(1, len(x), 8).contiguous() if self.h.shape[1] in (1,len(x)) else None)
        self.h = h.detach()
        return self.l(y)

class Awd(nn.Module):
    "fastai's AWD_LSTM, which counts its rows and makes weights anew in each step"
    def __init__(self, v):
        super().__init__()
        from fastai.text.models.awdlstm import AWD_LSTM
        self.m,self.l = AWD_LSTM(v, 8, 12, 2),nn.Linear(8,v)
    def reset(self): self.m.reset()
    def forward(self, x): return self.l(self.m(x))

def own(kind):
    set_seed(2)
    dls = CharDataLoaders.from_text('abc abd ace '*300, bs=4, seq_len=16, device='cpu')
    return CharLearner(dls, kind(len(dls.vocab)), precision='fp32')

@pytest.mark.parametrize('kind', [Gru,Unreset,Deep,Buffer,Awd])
@pytest.mark.parametrize('at', [29,60])
def test_a_state_of_ones_own(kind, at, tmp_path):
    "A module that keeps a state and does not hand it out is resumed bit for bit, with as many losses"
    a = own(kind)
    fit(a, n=2)
    b = own(kind)
    with pytest.raises(RuntimeError): fit(b, [Resume(tmp_path, every=5), Break(at)], n=2)
    b = own(kind)
    fit(b, Resume(tmp_path, every=5), n=2)
    assert all(torch.equal(x,y) for x,y in zip(a.model.parameters(), b.model.parameters())) and a.recorder.losses==b.recorder.losses

@pytest.mark.parametrize('kind', [Gru,Unreset,Deep,Buffer,Awd])
@pytest.mark.parametrize('look', ['validate','get_preds','sample','evaluate'])
def test_a_state_of_ones_own_is_undisturbed(kind, look):
    "Reading something else in the middle of a fit leaves it where it was"
    class Look(Callback):
        def after_batch(self):
            if self.training and self.train_iter==7: dict(sample=lambda: self.learn.sample('a', 9, seed=1), evaluate=lambda: self.learn.evaluate('abc abc'),
                validate=self.learn.validate, get_preds=self.learn.get_preds)[look]()
    a = own(kind)
    fit(a, n=1)
    b = own(kind)
    fit(b, Look(), n=1)
    assert all(torch.equal(x,y) for x,y in zip(a.model.parameters(), b.model.parameters()))

def test_hostile():
    "Sealed files that mean harm: only the documented error, and no memory to speak of"
    def sealed(js, ts={}): return to_bytes(js, ts)
    learn,ts = make(),{}
    js = pack(model_state(learn), ts)
    deep = '['*100_000+']'*100_000
    cases = [sealed('"x"'), sealed([]), sealed({'$t':'nothing'}), sealed({'$n':{'$t':'x'},'dtype':'O'}, {'x':torch.zeros(2)}), sealed({'$d':[[[],1]]}), sealed({'$d':[1]})]
    for data in cases:
        with pytest.raises(CheckpointError): from_bytes(data)
    data = sealed('@'*len(deep))
    i = data.index(b'@'*10)
    data[i:i+len(deep)] = deep.encode()
    with pytest.raises(CheckpointError): from_bytes(reseal(data))
    for bad in (dict(n_hid=10**9), dict(n_layers=10**9), dict(n_vocab=2**40), dict(n_emb=10**9), dict(cell='os.system'), dict(n_hid='x'), dict(n_hid=-1), dict(evil=1)):
        with pytest.raises(CheckpointError): trained_model(from_bytes(to_bytes(dict(js, config=dict(js['config'], **bad)), ts)))
    for bad in ('{}', '[]', '{"chars":5}', 'nonsense', 7, None):
        with pytest.raises(CheckpointError): trained_model(from_bytes(to_bytes(dict(js, vocab=bad), ts)))

def reseal(data):
    "Make the checksum of a changed file right"
    import hashlib,re
    data = bytearray(data)
    m = re.search(rb'"sha256":"([0-9a-f]{64})"', data)
    if not m: return data
    data[m.start(1):m.end(1)] = b'0'*64
    data[m.start(1):m.end(1)] = hashlib.sha256(data).hexdigest().encode()
    return data

def test_fuzz(n=100_000):
    "Mutated files, most of them with a right checksum, end in the documented error or in a sound tree"
    ts = {}
    seed = bytes(to_bytes(pack(dict(a=torch.arange(3.), o={0:(1,2.)}, n=np.arange(2), s='x', config=dict(cell='gru', n_layers=1), model={}, vocab='{}'), ts), ts))
    rnd,sound,before = random.Random(5),0,resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    words = [b'$t',b'$n',b'$u',b'$d',b'null',b'1e999',b'-1',b'[',b'{',b'}',b'"',b'\\"',b'9'*20,b'F32',b'data_offsets',b'shape',b'dtype',b'a',b'\0',b'[[]]',b'true']
    cut,why = 8+int.from_bytes(seed[:8],'little'),set()
    for i in range(n):
        d,k = bytearray(seed[8:cut]),rnd.randrange(cut-8)
        for _ in range(rnd.randint(1,3)):
            k,how = rnd.randrange(len(d)),rnd.randrange(4)
            if   how==0: d[k] = rnd.randrange(256)
            elif how==1: d[k:k+rnd.randint(0,8)] = rnd.choice(words)
            elif how==2: del d[k:k+rnd.randint(1,9)]
            else: d[k:k] = d[k//2:k//2+rnd.randint(0,40)]
        size = len(d) if rnd.random()<.95 else rnd.randrange(2**rnd.randint(1,63))
        d = size.to_bytes(8,'little')+d+seed[cut:]
        if rnd.random()<.97: d = reseal(d)
        try: tree = from_bytes(d)
        except CheckpointError as e: why.add(str(e)[:40])
        else:
            sound += 1
            try: trained_model(tree)
            except CheckpointError as e: why.add(str(e)[:40])
    assert sound>n/1000 and len(why)>20, (sound,why)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss-before<300_000

def test_fuzz_trees(n=8_000):
    "The same for well-formed files with anything anywhere in their tree"
    ts,rnd,sound = {},random.Random(6),0
    text = json.dumps(pack(dict(model_state(make(n_hid=4)), o={0:(1,2.)}, n=np.arange(2)), ts))
    vals = [None,True,-1,0,1,2**70,1e308,float('nan'),'','$t','gru','x'*99,[],{},[[]],{'$t':'model/head.bias'},{'$t':7},{'$t':[]},{'$n':1},{'$n':{'$t':'n'},'dtype':'object'},{'$d':[1,2]},{'$d':{}},{'$u':3}]
    def mutate(o):
        if isinstance(o,(dict,list)) and o and rnd.random()<.9:
            k = rnd.choice(list(o)) if isinstance(o,dict) else rnd.randrange(len(o))
            o[k] = mutate(o[k])
            if isinstance(o,dict) and rnd.random()<.1: o[rnd.choice(['a','$t','$d','$n'])] = o.pop(k)
            return o
        return json.loads(json.dumps(rnd.choice(vals)))
    why = set()
    for i in range(n):
        js = json.loads(text)
        for _ in range(rnd.randint(1,3)): js = mutate(js)
        try: sound += trained_model(from_bytes(to_bytes(js, ts))) is not None
        except CheckpointError as e: why.add(str(e)[:60])
    assert sound>n/1000 and len(why)>20, (sound,why)

def test_old_checkpoints():
    "What an earlier version wrote is read, and samples the same text"
    d = root/'tests/data'
    for fn in sorted(d.glob('*.safetensors')):
        want = json.loads(fn.with_suffix('.json').read_text())
        tm = load_trained(fn)
        assert tm.sample(want['prompt'], want['n'], temperature=0)==want['text'] and tm.info['step']==want['step']
    assert list(d.glob('*.safetensors'))
