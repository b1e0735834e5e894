"""What fastai offers and documents, run on a `CharLearner`

| verb or callback | on a `CharLearner` |
|---|---|
| `fit`, `fit_one_cycle`, `fit_flat_cos`, `fit_sgdr`, `lr_find` with each suggestion | as everywhere; `lr_find` leaves no trace |
| `get_preds` | windows in the order of the text, so that `decode(targs.flatten())` reads as the text |
| `validate` | as everywhere; in the middle of a fit the fit goes on as it was, and after a fit its record is kept |
| `show_batch`, `show_results`, `decode_batch` | texts, newlines visible |
| `Interpretation` | items are windows; those that were picked out are read with the text before them |
| `ClassificationInterpretation` | which characters are taken for which, in all three of its reports |
| `freeze`, `freeze_to`, `unfreeze`, `fine_tune`, slices of learning rates | embedding, each recurrent layer, head; norms train on unless `train_bn=False`, as everywhere |
| `ReduceLROnPlateau`, `wd_bn_bias` | mean what they say, which with fastai's `OptimWrapper` they do not |
| `save`, `load`, `export`, `load_learner` | as everywhere; `save_trained` and `load_trained` need neither code nor pickle |
| `summary` | as everywhere; its totals count recurrent layers, which fastai's leave out |
| `predict` | the likeliest continuation of a text; `tta` is for pictures |
| `SaveModelCallback`, `EarlyStoppingCallback`, `TerminateOnNaNCallback`, `CSVLogger`, `GradientAccumulation`, `ActivationStats` | as everywhere |
| `ShowGraphCallback` | as everywhere, that is in whole epochs: it does not suit `fit_minutes` |
| `to_fp16`, `to_bf16`, `MixedPrecision` | say which precision is wanted; the learner computes in it, on every device, and a checkpoint has the scale |
| `RNNRegularizer` | beside `HiddenOutputs()`; not with fastai's `rnn_cbs`, whose `RNNCallback` expects a model that returns three things |
| `WandbCallback` | with `valid_dl=dls.valid`, or `log_preds=False`: by itself it would pick single characters |
| `TensorBoardCallback` | with `trace_model=False`: a model that carries a state cannot be traced |
"""
import re, sys, threading
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from types import ModuleType,SimpleNamespace
import matplotlib.pyplot as plt, pytest, torch, torch.nn as nn
from fastai.basics import Callback,load_learner,set_seed
from fastai.callback.all import (ActivationStats,AMPMode,CSVLogger,EarlyStoppingCallback,GradientAccumulation,MixedPrecision,ReduceLROnPlateau,
    RNNRegularizer,SaveModelCallback,ShowGraphCallback,TerminateOnNaNCallback,minimum,slide,steep,valley)
from fastai.data.all import DataBlock
from fastai.interpret import ClassificationInterpretation,Interpretation
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

# --- What reads: predictions, batches, interpretation ---

verse = 'to be or not to be, that is the question: whether tis nobler in the mind '*30

def cut(dl, n):
    "The first `n` windows' worth of a loader's rows, as they stand in the text"
    return [dl.vocab.decode(o) for o in dl.rows()[:,:n*dl.seq_len]]

@pytest.mark.parametrize('bs', [1,4])
def test_get_preds_is_in_the_order_of_the_text(bs):
    learn = make(verse, bs=bs)
    dl    = learn.dls.valid
    p,t,dec,loss = quiet(learn, lambda: learn.get_preds(with_decoded=True, with_loss=True))
    whole = dl.vocab.decode(dl.codes)
    assert dl.vocab.decode(t.flatten())==whole[1:1+t.numel()]
    assert t.numel()>len(whole)-bs*dl.seq_len and (p.argmax(-1)==dec).all()
    learn.model.reset()                                    # row 0 alone, from its start: the same predictions, window by window
    n = dl.n_win
    with torch.no_grad(): mine = learn.model(dl.rows()[:1,:n*dl.seq_len].long()).softmax(-1)[0]
    assert torch.allclose(mine.view(n, dl.seq_len, -1), p[:n], atol=1e-6)
    picked = -p.gather(-1, t[...,None])[...,0].log()
    assert torch.allclose(picked.mean(1), loss, atol=1e-5)

def test_get_preds_of_a_text():
    learn = make(verse)
    _,t = quiet(learn, lambda: learn.get_preds(dl=learn.dls.test_dl([verse[:200]])))
    assert verse[1:].startswith(learn.vocab.decode(t.flatten()))

def test_decode_batch_and_show():
    dls = make(verse).dls
    b = dls.one_batch()
    pairs = dls.decode_batch(b, max_n=3)
    assert len(pairs)==3 and [o[0] for o in pairs]==[dls.vocab.decode(o) for o in b[0][:3]]
    assert all(x[1:]==y[:-1] for x,y in pairs)
    x,y,its = dls.show_batch(show=False)
    assert list(its)==list(dls.decode_batch(b, max_n=6)) and x.shape==y.shape

def test_show_results(capsys):
    learn = make(verse)
    quiet(learn, lambda: learn.show_results(max_n=2))
    b = learn.dls.valid.one_batch()
    x,y,its,outs = learn.dls.valid.show_results(b, b[1], show=False, max_n=2)
    assert [o[1] for o in its]==[o[0] for o in outs] and len(its)==2

def hardest(learn):
    "Losses of windows by a loop of its own: every row is read from its start"
    dl = learn.dls.valid
    rows = dl.rows().long()
    with torch.no_grad():
        learn.model.reset()
        out = learn.model.eval()(rows[:,:-1])              # (bs, n_win*seq_len, n_vocab)
    ls = torch.nn.functional.cross_entropy(out.transpose(1,2), rows[:,1:], reduction='none')
    return ls.view(dl.bs, dl.n_win, dl.seq_len).mean(-1).flatten()

def test_interpretation(capsys):
    learn = make(verse)
    quiet(learn, lambda: learn.fit(2, 1e-2))
    dl,want = learn.dls.valid,hardest(learn)
    it = quiet(learn, lambda: Interpretation.from_learner(learn))
    assert torch.allclose(it.losses, want, atol=1e-5)
    losses,idx,items = it.top_losses(3, items=True)
    text = dl.vocab.decode(dl.codes)
    assert [str(o) for o in items]==[text[i*dl.seq_len:(i+1)*dl.seq_len] for i in idx.tolist()]
    inps,preds,targs,decoded,ls = quiet(learn, lambda: it[idx])
    assert [dl.vocab.decode(o) for o in inps]==[str(o) for o in items]
    again = -preds.gather(-1, targs[...,None])[...,0].log().mean(1)
    assert torch.allclose(again, losses, atol=1e-5)        # read where they stand, not torn out of the text
    capsys.readouterr()
    quiet(learn, lambda: it.plot_top_losses(3))
    quiet(learn, lambda: it.show_results(idx.tolist()))
    quiet(learn, lambda: it.plot_top_losses(range(2), largest=False))
    assert capsys.readouterr().out

def test_which_characters_are_taken_for_which(capsys):
    "fastai's reports of a classifier name characters"
    learn = make(verse)
    quiet(learn, lambda: learn.fit(2, 1e-2))
    it = quiet(learn, lambda: ClassificationInterpretation.from_learner(learn))
    worst = quiet(learn, lambda: it.most_confused(2))
    assert worst and all(a in learn.vocab and b in learn.vocab and n>=2 for a,b,n in worst)
    quiet(learn, it.plot_confusion_matrix)
    assert [o.get_text() for o in plt.gca().get_xticklabels()]==learn.vocab.itos
    plt.close('all')
    quiet(learn, it.print_classification_report)
    assert 'precision' in capsys.readouterr().out

# --- What is missing, or another's ---

def unsplit():
    "Loaders of a `DataBlock` that holds everything back for training"
    block = DataBlock(blocks=CharBlock(seq_len=16), get_items=get_stream, splitter=lambda o: (range(len(o)), []))
    return block.dataloaders(text, bs=4)

def test_no_validation_part():
    dls   = unsplit()
    learn = char_learner(dls, 'gru', n_hid=16, precision='fp32')
    quiet(learn, lambda: learn.fit(1))
    assert len(learn.recorder.losses)==len(dls.train) and learn.recorder.values[-1][1] is None
    with pytest.raises(ValueError, match='validation part has 0 characters'): learn.evaluate()
    with pytest.raises(ValueError, match='no window'): dls.valid.one_batch()
    assert learn.evaluate(0).n>0

@pytest.mark.parametrize('arch', ['gru','own'])
def test_a_fit_on_all_of_the_text(arch, capsys):
    "With nothing held back: fits by the clock, the doctor in both its forms, the plot; nothing is counted or compared"
    dls = unsplit()
    v   = len(dls.vocab)
    learn = char_learner(dls, nn.Sequential(nn.Embedding(v, 16), nn.Linear(16, v)) if arch=='own' else arch, n_hid=None if arch=='own' else 16, precision='fp32')
    quiet(learn, lambda: learn.fit_minutes(0.01))
    quiet(learn, lambda: learn.fit_steps(310, cbs=Doctor(every=5)))
    ax  = learn.plot_yardsticks()
    res = learn.doctor()
    assert res.failed=={} and res.yardsticks is None and not ax.texts and set(res.names)<={'valid_differs','no_memory','small_text'}

def test_what_was_evaluated_is_named():
    learn = make(verse)
    assert learn.evaluate().split=='nanogpt' and learn.evaluate(learn.dls.valid).split=='nanogpt'
    assert learn.evaluate(0).split=='training part, nanogpt'==learn.evaluate(learn.dls.train).split
    assert learn.evaluate(verse[:90]).split=='text' and learn.evaluate(learn.dls.test_dl([verse])).split=='another text'
    three = CharDataLoaders.from_text(verse, bs=2, seq_len=8, split=(0.1,0.1), device='cpu')
    assert char_learner(three, 'gru', n_hid=8, precision='fp32').evaluate(2).split=='test part, (0.1, 0.1)'

def test_a_loader_of_another_vocabulary_is_refused():
    learn = make(verse)
    for other in (make(text).dls.valid, make(verse.upper()).dls.valid):             # fewer characters; as many, but others
        for f in (learn.evaluate, lambda o: learn.validate(dl=o), lambda o: learn.get_preds(dl=o)):
            with pytest.raises(ValueError, match='vocabulary'): quiet(learn, lambda: f(other))

# --- In the middle of an epoch ---

class Curious(Callback):
    "Reads while the epoch is under way"
    def __init__(self, how): self.how,self.got = how,[]
    def after_batch(self):
        if self.training and self.train_iter in (5,7,24): self.got.append(self.how(self.learn))

@pytest.mark.parametrize('how', ['validate','get_preds','train','evaluate','sample'])
def test_reading_in_the_middle_of_an_epoch_changes_nothing(how):
    f = dict(validate=lambda o: float(o.validate()[0]), get_preds=lambda o: o.get_preds()[0][1,2,3].item(), train=lambda o: float(o.validate(0)[0]),
        evaluate=lambda o: o.evaluate().nats, sample=lambda o: o.sample('she', 9, seed=1))[how]
    a,b = make(dropout=0.2),make(dropout=0.2)
    cb  = Curious(f)
    for learn,cbs in ((a,None), (b,cb)):
        set_seed(1)
        quiet(learn, lambda: learn.fit_one_cycle(2, 1e-2, cbs=cbs))
    assert len(cb.got)==3 and len(set(cb.got))>1
    for p,q in zip(a.model.parameters(), b.model.parameters()): assert torch.equal(p, q)
    assert a.recorder.losses==b.recorder.losses and [o[:-1] for o in a.recorder.values]==[o[:-1] for o in b.recorder.values]

def test_validation_in_an_epoch_is_the_validation_after_it():
    cb,learn = Curious(lambda o: (o.train_iter, [float(x) for x in o.validate()])),make()
    quiet(learn, lambda: learn.fit_steps(7, 1e-2, cbs=cb))
    got = dict(cb.got)[7]
    assert got==pytest.approx([float(o) for o in learn.validate()], abs=1e-6)

class Impatient:
    "A lock that fails where fastai's would wait for ever"
    def __init__(self): self.lock = threading.Lock()
    def __enter__(self):
        if not self.lock.acquire(timeout=1): raise RuntimeError('waits for itself')
    def __exit__(self, *args): self.lock.release()

class Between(Callback):
    "Reads once at an event outside of the steps"
    order = 70
    def __init__(self, how, event): self.how,self.event,self.got,self.busy = how,event,[],False
    def __call__(self, event):
        if event!=self.event or self.busy: return
        self.busy = True
        try: self.got.append(self.how(self.learn))
        finally: self.busy = False

reads = dict(validate=lambda o: float(o.validate()[0]), preds=lambda o: o.get_preds()[0][1,2,3].item(), train=lambda o: float(o.validate(0)[0]))

@pytest.mark.parametrize('event', ['before_fit','before_epoch','before_train','after_train','before_validate','after_validate','after_epoch','after_fit'])
@pytest.mark.parametrize('how', reads)
def test_reading_between_two_epochs_changes_nothing(how, event):
    "Nor does it wait for ever; metrics of the training part, too, are those of the epoch"
    a,b = make(dropout=0.2),make(dropout=0.2)
    cb  = Between(reads[how], event)
    for learn,cbs in ((a,None), (b,cb)):
        learn.lock,learn.recorder.train_metrics = Impatient(),True
        set_seed(1)
        quiet(learn, lambda: learn.fit_steps(2*len(learn.dls.train), 1e-2, average=0.9, cbs=cbs))
    assert len(cb.got)==(1 if 'fit' in event else 2) and same(a.model, b.model)
    assert losses(a)==losses(b) and [o[:-1] for o in a.recorder.values]==[o[:-1] for o in b.recorder.values] and len(a.recorder.values)==2

@pytest.mark.parametrize('how', reads)
def test_a_lasting_callback_reads_when_somebody_reads(how):
    learn = make(cbs=Between(lambda o: o.get_preds()[0].shape, 'after_epoch'))
    learn.lock = Impatient()
    quiet(learn, lambda: learn.fit(1))
    quiet(learn, lambda: reads[how](learn))
    assert len(learn.between.got)==2 and not learn.lock.lock.locked()

@pytest.mark.parametrize('verb', [lambda o: o.validate(), lambda o: o.get_preds(), lambda o: o.show_results(max_n=1), lambda o: o.summary()])
def test_a_fit_stays_on_record(verb, capsys):
    learn = make()
    quiet(learn, lambda: learn.fit(2, 1e-2))
    was = losses(learn),list(learn.recorder.lrs),list(learn.recorder.values),list(learn.recorder.iters)
    quiet(learn, lambda: verb(learn))
    assert (losses(learn),learn.recorder.lrs,learn.recorder.values,learn.recorder.iters)==was
    assert len(was[0])==2*len(learn.dls.train)

@pytest.mark.parametrize('event', ['before_fit','after_step','after_epoch'])
def test_a_summary_in_a_fit_is_refused(event):
    "It is a fit of its own, whose events would call the callback again, and again"
    class Asks(Callback): pass
    setattr(Asks, event, lambda self: self.learn.summary())
    learn = make()
    learn.lock = Impatient()
    with pytest.raises(RuntimeError, match='before the fit, or after it'): quiet(learn, lambda: learn.fit(1, 1e-2, cbs=Asks()))
    assert 'Total params' in learn.summary()

def test_what_fails_at_the_beginning_of_a_validation_locks_nothing():
    class Bad(Callback):
        def before_fit(self): raise ValueError('not today')
    learn = make()
    logger,learn.lock = learn.logger,Impatient()
    for f in (learn.validate, learn.get_preds):
        with pytest.raises(ValueError, match='not today'): f(cbs=Bad())
        assert learn.logger is logger and learn.create_mbar and not any(isinstance(o,Bad) for o in learn.cbs)
    assert quiet(learn, learn.validate)

def test_threads_read_one_after_the_other():
    learn = make(verse)
    want  = quiet(learn, lambda: learn.get_preds()[0])
    with learn.no_bar(), ThreadPoolExecutor(4) as ex: got = list(ex.map(lambda _: learn.get_preds()[0], range(8)))
    assert all(torch.equal(o, want) for o in got)

def test_a_datablock_without_a_named_split_resumes_and_is_saved(tmp_path):
    learn = char_learner(unsplit(), 'gru', n_hid=16, precision='fp32')
    quiet(learn, lambda: learn.fit(1, cbs=Resume(tmp_path/'run')))
    assert load_trained(learn.save_trained(tmp_path/'m.safetensors')).info['split'] is None
    assert yardsticks(make().dls).split=='nanogpt'

# --- Every verb ---

def losses(learn): return [float(o) for o in learn.recorder.losses]
def same(a, b): return all(torch.equal(p, q) for p,q in zip(a.parameters(), b.parameters(), strict=True))

def test_save_load_and_export(tmp_path):
    learn = make(path=tmp_path, cbs=SaveModelCallback())
    quiet(learn, lambda: learn.fit(2, 1e-2))
    p,q = learn.save('mine'),make(path=tmp_path)
    q.load('mine')
    assert same(learn.model, q.model) and p.exists()
    quiet(learn, lambda: learn.fit(1, 1e-2, cbs=Resume(tmp_path/'run')))
    learn.export('whole.pkl')
    back = load_learner(tmp_path/'whole.pkl')
    assert same(learn.model, back.model) and back.sample('she', 20, seed=1)==learn.sample('she', 20, seed=1)
    assert len(learn.dls.train)>0 and learn.opt is not None                         # export puts back what it takes out

@pytest.mark.parametrize('counts', [None,3])
def test_an_exported_learner_reads_the_texts_that_it_is_given(counts, tmp_path, capsys):
    learn = make(verse, path=tmp_path, counts=counts, cbs=[ShowSamples(), ShowLoss()])
    quiet(learn, lambda: learn.fit(1, 1e-2))
    learn.export('whole.pkl')
    back,text = load_learner(tmp_path/'whole.pkl'),verse[:600]
    for f in (lambda o: o.get_preds(dl=o.dls.test_dl([text]))[0], lambda o: torch.tensor(o.validate(dl=o.dls.test_dl([text]))),
        lambda o: torch.tensor(o.evaluate(o.dls.test_dl([text])).nats), lambda o: torch.tensor(o.loss_by(text).nats),
        lambda o: torch.tensor([*o.memory(text, upto=4).loss.values()]), lambda o: torch.tensor(len(o.memorised(text, source=verse).copies.longest))):
        for _ in range(2): assert torch.equal(quiet(back, lambda: f(back)), quiet(learn, lambda: f(learn)))
    back.show_results(dl=back.dls.test_dl([text]), max_n=1)
    with pytest.raises(ValueError, match='pass it as source='): back.memorised(text)
    assert same(load_trained(back.save_trained(tmp_path/'m.safetensors')).model, learn.model)

def test_schedules():
    for verb,args in dict(fit=[1], fit_one_cycle=[1], fit_flat_cos=[1], fit_sgdr=[1,1], fit_steps=[9]).items():
        learn = make()
        quiet(learn, lambda: getattr(learn, verb)(*args, 1e-2))
        ls = losses(learn)
        assert len(ls)==learn.train_iter>0 and ls[-1]<ls[0] and learn.opt.hypers[0]['lr']>0

def test_lr_find_and_every_suggestion():
    learn = make(text*3)
    w = [o.clone() for o in learn.model.parameters()]
    got = quiet(learn, lambda: learn.lr_find(num_it=60, show_plot=False, suggest_funcs=(minimum,steep,valley,slide)))
    assert all(1e-7<o<10 for o in got) and all(torch.equal(p, q) for p,q in zip(w, learn.model.parameters()))

def test_summary_and_plots():
    learn = make()
    assert f'{n_params(learn.model):,}' in repr(learn.summary())
    learn.fit_one_cycle(2, cbs=ShowGraphCallback())
    learn.recorder.plot_loss()
    learn.recorder.plot_sched()

def test_early_stopping():
    learn = make()
    quiet(learn, lambda: learn.fit(9, 0., cbs=EarlyStoppingCallback(patience=2)))
    assert len(learn.recorder.values)==3

def test_csv_logger(tmp_path):
    learn = make(path=tmp_path)
    with learn.no_bar(): learn.fit(2, cbs=CSVLogger())
    rows = (tmp_path/'history.csv').read_text().splitlines()
    assert len(rows)==3 and rows[0].startswith('epoch,train_loss,valid_loss,char_accuracy,perplexity,bits_per_char')

def test_terminate_on_nan():
    learn = make(clip=0)
    quiet(learn, lambda: learn.fit(3, 1e30, cbs=TerminateOnNaNCallback()))
    assert learn.train_iter<len(learn.dls.train)

def test_gradient_accumulation_counts_rows():
    a,b = (make(text, bs=4, cold=0, clip=0) for _ in range(2))
    steps = []
    class Count(Callback):
        def after_step(self): steps.append(self.train_iter)
    quiet(a, lambda: a.fit(1, 1e-2, cbs=[GradientAccumulation(8), Count()]))
    assert len(steps)==len(a.dls.train)//2

def test_mixed_precision_is_ours():
    "fastai's callback says what is wanted, on a CPU as well"
    learn = make(cbs=MixedPrecision(amp_mode=AMPMode.BF16))
    quiet(learn, lambda: learn.fit(1, 1e-2))
    assert losses(learn)[-1]<losses(learn)[0] and learn.precision=='bf16'

def test_activation_stats():
    learn = make()
    stats = ActivationStats(modules=[learn.model.rnn, learn.model.head], with_hist=False)
    quiet(learn, lambda: learn.fit(1, cbs=stats))
    assert len(stats.stats)==len(learn.dls.train) and stats.stats[0][1]['std']>0

@pytest.mark.parametrize('cell', ['gru','mingru'])
def test_rnn_regularizer(cell):
    a,b = make(arch=cell),make(arch=cell)
    for learn,cbs in ((a,None), (b,[HiddenOutputs(), RNNRegularizer(alpha=5., beta=5.)])):
        set_seed(1)
        quiet(learn, lambda: learn.fit(3, 1e-2, cbs=cbs))
    def size(o):
        with torch.no_grad(): return o.model.rnn(o.model.emb(o.dls.one_batch()[0]))[0].square().mean()
    assert size(b)<0.8*size(a) and not b.model.out_drop._forward_hooks

@pytest.mark.parametrize('n', [2,4])
def test_rnn_regularizer_weighs_cells_side_by_side_as_one(n):
    "Of n cells a row hears one, n times as loud; at the start their outputs have the same spread"
    sizes,means = [],[]
    class Size(Callback):
        order = RNNRegularizer.order-1
        def after_pred(self): sizes.append(self.rnn.raw_out.square().mean().item())
    for k in (1,n):
        set_seed(1)
        learn = make(arch='lstm', n_hid=64, n_cells=k)
        quiet(learn, lambda: learn.fit(1, 1e-6, cbs=[HiddenOutputs(), Size()]))
        means.append(sum(sizes)/len(sizes))
        sizes.clear()
    assert 0.7<means[1]/means[0]<1.4

def test_rnn_regularizer_wants_a_model_that_it_knows():
    model = nn.Sequential(nn.Embedding(13, 8), nn.Linear(8, 13))
    learn = make(arch=model, n_hid=None)
    with pytest.raises(ValueError, match='Sequential'): quiet(learn, lambda: learn.fit(1, cbs=[HiddenOutputs(), RNNRegularizer(1., 1.)]))

# --- Trackers, with stand-ins for what they report to ---

@pytest.fixture
def backends(monkeypatch):
    "wandb and tensorboard as far as fastai's callbacks use them; returns what they were told"
    told = []
    wandb = ModuleType('wandb')
    wandb.run = SimpleNamespace(step=0, summary=dict(epoch=0))
    wandb.config,wandb.Image = SimpleNamespace(update=lambda o, **kw: told.append(('config', o))),None
    wandb.log = lambda o, **kw: told.append(('log', o))
    wandb.watch = lambda *a, **kw: None
    wandb.Table = lambda data=None, columns=None, **kw: SimpleNamespace(data=data, columns=columns)
    class Writer:
        def __init__(self, **kw): pass
        def __getattr__(self, nm): return lambda *a, **kw: told.append((nm, a))
    board = ModuleType('torch.utils.tensorboard')
    board.SummaryWriter = Writer
    for nm,m in {'wandb':wandb, 'tensorboard':ModuleType('tensorboard'), 'torch.utils.tensorboard':board}.items(): monkeypatch.setitem(sys.modules, nm, m)
    for nm in ('fastai.callback.wandb','fastai.callback.tensorboard'): monkeypatch.delitem(sys.modules, nm, raising=False)
    return told

def test_wandb(backends):
    from fastai.callback.wandb import WandbCallback
    learn = make(verse)
    quiet(learn, lambda: learn.fit(2, 1e-2, cbs=WandbCallback(valid_dl=learn.dls.valid, n_preds=3)))
    tables = [o['Prediction_Samples'] for k,o in backends if k=='log' and 'Prediction_Samples' in o]
    assert len(tables)==1 and len(tables[0].data)==3
    for x,y,p in tables[0].data: assert x[1:]==y[:-1] and len(p)==len(y)
    assert any('valid_loss' in o for k,o in backends if k=='log')

def test_tensorboard(backends):
    from fastai.callback.tensorboard import TensorBoardCallback
    learn = make(verse)
    quiet(learn, lambda: learn.fit(2, 1e-2, cbs=TensorBoardCallback(trace_model=False, n_preds=3)))
    texts = [a for k,a in backends if k=='add_text']
    assert len(texts)==2 and 'is the question' in texts[-1][1] and any(k=='add_scalar' and a[0]=='valid_loss' for k,a in backends)

# --- Optimiser: live hyperparameters, groups, weight decay ---

def test_reduce_lr_on_plateau():
    learn = make()
    quiet(learn, lambda: learn.fit(5, 1e-9, cbs=ReduceLROnPlateau(patience=1, factor=10., min_delta=1.)))
    assert learn.opt.opt.param_groups[0]['lr']<=1.1e-12 and learn.opt.hypers[0]['lr']==learn.opt.opt.param_groups[0]['lr']

@pytest.mark.parametrize('kw,n', [(dict(), 3), (dict(n_layers=2), 4), (dict(n_emb=0), 2),
    (dict(tie=True, n_emb=16), 2), (dict(arch='mingru', n_layers=2, train_bn=False), 4)])
def test_freezing(kw, n):
    learn = make(**kw)
    learn.create_opt()
    assert len(learn.opt.param_lists)==n and sum(map(len, learn.opt.param_lists))==len(list(learn.model.parameters()))
    for verb,k in ((learn.freeze, n-1), (lambda: learn.freeze_to(1), 1), (learn.unfreeze, 0)):
        verb()
        on  = [[p.requires_grad for p in o] for o in learn.opt.param_lists]
        was = [[p.detach().clone() for p in o] for o in learn.opt.param_lists]
        quiet(learn, lambda: learn.fit_steps(3, 1e-2))
        moved = [[not torch.equal(p, q) for p,q in zip(a, b)] for a,b in zip(was, learn.opt.param_lists)]
        assert on==[[i>=k]*len(o) for i,o in enumerate(on)]==moved

def test_a_model_in_one_group_says_so():
    learn = make(arch=nn.Sequential(nn.Embedding(13, 8), nn.Linear(8, 13)), n_hid=None)
    with pytest.raises(ValueError, match='one group'): learn.freeze()

def test_fine_tune_and_slices():
    learn = make()
    quiet(learn, lambda: learn.fine_tune(2, 1e-2))
    assert all(p.requires_grad for p in learn.model.parameters()) and losses(learn)[-1]<2.5
    quiet(learn, lambda: learn.fit_steps(9, slice(1e-4, 1e-2), div_final=1.))
    a,b,c = [h['lr'] for h in learn.opt.hypers]
    assert b/a==pytest.approx(10) and c/b==pytest.approx(10)

@pytest.mark.parametrize('where', ['learner','fit'])
def test_fine_tune_is_two_fits(where, tmp_path):
    "With one run for both it is refused before anything is trained or changed, with the remedy; `test_exact_resume_through_freezing_and_slices` is that remedy"
    run   = Resume(tmp_path/'r')
    learn = make(cbs=run if where=='learner' else None)
    with pytest.raises(ValueError, match='fine_tune is two fits, and each needs a run of its own: use freeze, fit_one_cycle, unfreeze, fit_one_cycle, each with its `Resume`'):
        quiet(learn, lambda: learn.fine_tune(1, cbs=run if where=='fit' else None))
    assert all(p.requires_grad for p in learn.model.parameters()) and learn.opt is None and not (tmp_path/'r').exists()

@pytest.mark.parametrize('opt', ['ours','fastai'])
@pytest.mark.parametrize('all_decay', [False,True])
def test_weight_decay_leaves_alone_what_it_says(opt, all_decay):
    "With a learning rate and no gradient, weight decay is all that moves a weight"
    from fastai.optimizer import Adam
    learn = make(arch='mingru', n_layers=2, wd_bn_bias=all_decay, wd=0.5, lr=0.1, clip=0, opt_func=adamw if opt=='ours' else Adam)
    learn.create_opt()
    learn.opt.set_hypers(wd=0.5, lr=0.1)
    with torch.no_grad():
        for p in learn.model.parameters(): p.fill_(1.).grad = torch.zeros_like(p)
    for p in learn.model.parameters(): p.grad = torch.zeros_like(p)
    learn.opt.step()
    moved = {nm for nm,p in learn.model.named_parameters() if (p<1).all()}
    every = {nm for nm,_ in learn.model.named_parameters()}
    assert moved==(every if all_decay else {'rnn.zh.0.weight','rnn.zh.1.weight','head.weight'})

def test_an_optimiser_saved_in_one_group_goes_on_as_it_was():
    "What an earlier version saved: torch's AdamW over the model's parameters in their order, with weight decay for all"
    learn = make(n_layers=2, learn_init=True)
    learn.create_opt()
    copy  = CharRNN(**learn.model.config)
    copy.load_state_dict(learn.model.state_dict())
    old   = torch.optim.AdamW(copy.parameters(), lr=0.01, betas=(0.9,0.99), weight_decay=0.1, eps=1e-8, fused=True)
    def step(o, model, i):
        for k,p in enumerate(model.parameters()): p.grad = torch.full_like(p, 0.1*i+0.01*k)
        o.step()
    for i in range(3): step(old, copy, i)
    learn.model.load_state_dict(copy.state_dict())
    learn.opt.load_state_dict(deepcopy(old.state_dict()))
    for i in range(3,6):
        step(old, copy, i)
        step(learn.opt, learn.model, i)
    assert same(copy, learn.model)
    again = make(n_layers=2, learn_init=True)
    again.create_opt()
    again.opt.load_state_dict(learn.opt.state_dict())      # and saved again, in groups, it still decays all
    assert {o['weight_decay'] for o in again.opt.opt.param_groups}=={0.1}
    again.opt.set_hypers(wd=0.3)
    assert {o['weight_decay'] for o in again.opt.opt.param_groups}=={0.3}
    other = make()
    other.create_opt()
    with pytest.raises(ValueError, match='splitter'): other.opt.load_state_dict(old.state_dict())

class KillAt(Callback):
    order = 300
    def __init__(self, step): self.step = step
    def after_batch(self):
        if self.training and self.train_iter==self.step: raise KeyboardInterrupt

def cell(tmp_path, kill=(0,0)):
    "A notebook's cell: the head first, then all, with a learning rate for each group; returns the learner"
    learn = make(dropout=0.2)
    learn.freeze()
    quiet(learn, lambda: learn.fit_steps(20, 1e-2, cbs=[Resume(tmp_path/'head', every=4), KillAt(kill[0])]))
    learn.unfreeze()
    quiet(learn, lambda: learn.fit_steps(20, slice(1e-4, 1e-2), cbs=[Resume(tmp_path/'all', every=4), KillAt(kill[1])]))
    return learn

def test_exact_resume_through_freezing_and_slices(tmp_path):
    whole = cell(tmp_path/'whole')
    for kill in ((13,0), (0,11)):
        with pytest.raises(KeyboardInterrupt): cell(tmp_path/'killed', kill)
    back = cell(tmp_path/'killed')
    assert same(whole.model, back.model) and losses(whole)==losses(back)

# --- Layouts and wrappers: one table, one helper ---

class Laid(nn.Module):
    "A `CharRNN` whose output is laid out otherwise, inside a module of somebody's own that has no `reset`"
    def __init__(self, rnn, lay):
        super().__init__()
        self.rnn,self.lay = rnn,lay
    def forward(self, x):
        o = self.rnn(x)
        return dict(btv=o, bvt=o.transpose(1,2), tbv=o.transpose(0,1), flat=o.flatten(0,1))[self.lay]

wraps = dict(btv=lambda m: Laid(m, 'btv'), bvt=lambda m: Laid(m, 'bvt'), tbv=lambda m: Laid(m, 'tbv'), flat=lambda m: Laid(m, 'flat'),
    parallel=nn.DataParallel, compiled=lambda m: torch.compile(m, backend='eager'))

@pytest.mark.parametrize('wrap', wraps)
def test_layouts_and_wrappers_change_nothing(wrap):
    a,rnn = make(verse, cold=0),make(verse).model
    b = make(verse, arch=wraps[wrap](rnn), n_hid=None, cold=0, lr=a.lr)
    for learn in (a,b):
        set_seed(1)
        quiet(learn, lambda: learn.fit(2, 1e-2))
    assert losses(a)==pytest.approx(losses(b), abs=1e-5) and a.validate()[0]==pytest.approx(b.validate()[0], abs=1e-5)
    assert a.evaluate().nats==pytest.approx(b.evaluate().nats, abs=1e-5)
    for kw in (dict(), dict(batch=3)): assert a.sample('to be', 60, seed=3, **kw)==b.sample('to be', 60, seed=3, **kw)
    quiet(b, lambda: b.fit(1, 1e-2))
    assert rnn.state is None                               # forgotten after the fit, through the wrapper

@pytest.mark.parametrize('lay', ['bvt','tbv','flat'])
def test_layouts_are_looked_at_and_predict_as_one(lay, capsys):
    a,rnn = make(verse, cold=0),make(verse).model
    b = make(verse, arch=Laid(rnn, lay), n_hid=None, cold=0)
    assert a.memory(upto=16, places=150).loss==pytest.approx(b.memory(upto=16, places=150).loss, abs=1e-5)
    assert a.looks_back('to be or not').pull==pytest.approx(b.looks_back('to be or not').pull, abs=1e-6)
    for p,q in zip(*(o.get_preds(with_decoded=True, with_loss=True) for o in (a,b))): assert p.shape==q.shape and torch.allclose(p, q, atol=1e-5)
    assert torch.allclose(*(o.get_preds(dl=o.dls.test_dl(['to be or not to be, that is the question'*9]))[0] for o in (a,b)), atol=1e-5)
    said = []
    for o in (a,b):
        o.show_results(max_n=2, shuffle=False)
        said.append(re.findall(r'predicted  (\S{16})\n', capsys.readouterr().out))
    assert len(said[0])==2 and said[0]==said[1]

@pytest.mark.parametrize('wrap', ['parallel','compiled'])
def test_cold_starts_and_hidden_outputs_look_into_wrappers(wrap):
    rnn   = make(verse).model
    learn = make(verse, arch=wraps[wrap](rnn), n_hid=None, cold=1.)
    seen  = []
    rnn.forget = lambda rows: seen.append(int(rows.sum()))
    quiet(learn, lambda: learn.fit(1, 1e-2, cbs=[HiddenOutputs(), RNNRegularizer(1., 1.)]))
    assert seen and set(seen)=={4}

def test_sizes_that_coincide_are_told_apart():
    "A vocabulary of 5, and a model that returns (seq_len, bs, 5)"
    vocab = CharVocab('abcde')
    rnn   = CharRNN(5, 'gru', n_hid=8)
    text  = 'abcdeedcba'*30
    codes = vocab.encode(text)
    want  = evaluate_codes(rnn, codes).nats
    for lay in ('bvt','tbv','flat'): assert evaluate_codes(Laid(rnn, lay), codes).nats==pytest.approx(want, abs=1e-6)
    with pytest.raises(ShapeError, match='should return'): evaluate_codes(nn.Sequential(nn.Embedding(5, 4), nn.Flatten()), codes)

def test_whoever_watches_stays_out_of_a_copy(tmp_path):
    "Forward hooks that are methods of a callback, which holds the learner, its loaders and an open file; a hook that is part of the model is copied"
    learn = make(cbs=[HiddenOutputs(),ActivationStats(modules=None),Doctor(),CSVLogger(fname=str(tmp_path/'h.csv'))])
    learn.model.head.register_forward_hook(lambda m,i,o: o*2)
    quiet(learn, lambda: learn.fit(2))
    seen = []
    class Look(Callback):
        def after_pred(self): seen.append(copy_model(self.model))
    quiet(learn, lambda: learn.fit_steps(2, cbs=Look()))
    x = torch.randint(0, 5, (2,3))
    for m in (seen[-1],learn.model): reset_state(m.eval())
    seen[-1].load_state_dict(learn.model.state_dict())
    assert torch.equal(seen[-1](x), learn.model(x)) and not [o for m in seen[-1].modules() for o in m._forward_hooks.values() if hasattr(o,'__self__')]

def test_a_models_own_hooks_are_copied():
    "Methods of the model itself: of a GRU whose state is dropped by a hook, and of a head that is scaled; what a hook before a layer watches stays out, too"
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.emb,self.r,self.head = nn.Embedding(9, 8),nn.GRU(8, 8, batch_first=True),nn.Linear(8, 9)
            self.r.register_forward_hook(self.first)
            self.head.register_forward_hook(self.scaled)
            self.by = 3.
        def first(self, m, i, o): return o[0]
        def scaled(self, m, i, o): return o/self.by
        def forward(self, x): return self.head(self.r(self.emb(x)))
    class Watcher:
        def __init__(self, m): self.kept,self.hook = torch.ones(1, requires_grad=True)*2,m.register_forward_pre_hook(self.watch)     # no leaf of a graph
        def watch(self, m, i): self.seen = i
    m,x = Own(),torch.randint(0, 9, (2,5))
    w,c = Watcher(m.head),copy_model(m)
    assert torch.equal(c(x), m(x)) and not c.head._forward_pre_hooks and len(m.head._forward_pre_hooks)==1
    c.by = 1.
    assert torch.allclose(c(x), 3*m(x)) and w.seen is not None

def test_a_wrong_share_of_warming_up_is_refused():
    for p in (30,1.5,-0.5,float('nan')):
        with pytest.raises(ValueError, match='pct_start'): quiet(make(), lambda: make().fit_steps(5, pct_start=p))

def test_hypers_of_an_optimiser_from_before():
    "An optimiser that was pickled where it did not note which group speaks for which"
    learn = make()
    quiet(learn, lambda: learn.fit_steps(2))
    vars(learn.opt).pop('firsts', None)
    assert len(learn.opt.hypers)==learn.opt.n_groups and learn.opt.hypers[-1]['wd']==0.1

def test_a_module_around_is_looked_into():
    "A module without a `reset` of its own around a `CharRNN`: its units hold what those of the model alone hold"
    inner = CharRNN(9, 'gru', n_hid=8, n_emb=4)
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner
        def forward(self, x): return self.inner(x)
    codes = torch.arange(40)%9
    a,b = trace(inner, codes),trace(Around(), codes)
    assert (a.h1==b.h1).all() and abs(a.h1[-1]-a.h1[8]).max()>0
    with pytest.raises(ValueError, match='has no `reset`'): trace(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 9)), codes)
