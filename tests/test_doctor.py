"The doctor tried on set-ups with a known fault and on sound ones, and what it must leave alone"
import contextlib,io,json,math,random,re,sys,types
from pathlib import Path
import numpy as np, pytest, torch, torch.nn as nn
from fastai.basics import Adam,Callback,CancelStepException,SGD,first,set_seed
from fastai.callback.training import GradientAccumulation
from charrnn_fa.everything import *
from charrnn_fa.doctor import checks, watch
from charrnn_fa.train.shapes import ShapeError
import zoo,zoo_forum,zoo_wild
sys.path.insert(0, str(Path(__file__).resolve().parent.parent/'bench'))
import doctor_sound

def diagnose(group, held):
    "What the doctor says of each set-up, and the cause it should name first"
    res = {}
    for nm,(f,cause,h) in group.items():
        if h!=held: continue
        set_seed(0)
        d = f().doctor()
        assert not d.failed, (nm,d.failed)
        res[nm] = d.names,cause
    return res

# Tuned on those that are not held out; of the held out, 18 of 19 and 9 of 10 were right when they were first run, of the fresh all
ALL = [('tuned',zoo.BROKEN,zoo.SOUND,False), ('held out',zoo.BROKEN,zoo.SOUND,True), ('fresh',zoo.FRESH_BROKEN,zoo.FRESH_SOUND,True)]

@pytest.mark.parametrize('part,broken,sound,held', ALL, ids=[o[0] for o in ALL])
def test_names_the_cause_first(part, broken, sound, held):
    res   = diagnose(broken, held)
    wrong = {nm:o for nm,o in res.items() if o[0][:1]!=[o[1]]}
    print(f'{part}: {len(res)-len(wrong)} of {len(res)} named first; not: {wrong}')
    assert len(res)-len(wrong)>=0.96*len(res), wrong

@pytest.mark.parametrize('part,broken,sound,held', ALL, ids=[o[0] for o in ALL])
def test_sound_ones_raise_nothing(part, broken, sound, held):
    res = {nm:o[0] for nm,o in diagnose(sound, held).items() if o[0]}
    print(f'{part}: false alarms {res}')
    assert not res, res

def test_zoo_is_large_enough(): assert len(zoo.BROKEN)>=25 and len(zoo.SOUND)>=25

def misnamed(set_ups):
    "What was found in broken ones whose cause was not named first, and how many are broken; a sound one may earn a remark, and no more"
    wrong,n = {},0
    for nm,(f,causes) in set_ups.items():
        set_seed(0)
        d = f().doctor()
        assert not d.failed, (nm,d.failed)
        n += bool(causes)
        if causes and d.names[:1]!=list(causes): wrong[nm] = d.names,causes
        if not causes: assert not [o for o in d if o.severity!='remark'], (nm,d)
    return wrong,n

@pytest.mark.parametrize('held', [False,True], ids=['tuned','held out'])
def test_networks_as_people_write_them(held):
    "At least 90 % named first; a sound one may earn a remark, and no more. At its first run: 24 of 25 of the half that was held out, 26 of 26 sound ones"
    wrong,n = misnamed({nm:o for nm,o in zoo_wild.WILD.items() if zoo_wild.held_out(nm)==held})
    print(f'{n-len(wrong)} of {n} named first; not: {wrong}')
    assert len(wrong)<=0.1*n, wrong

def test_networks_that_forums_ask_about():
    """23 of 25 named first when this zoo was first run, 0 of 8 sound ones called ill; checks were not changed for it.
    The two: units that are dead because the input is ignored, and a forgotten batch_first that crashes before it can mix rows"""
    wrong,n = misnamed(zoo_forum.FORUM)
    assert n==25 and len(wrong)<=0.1*n, wrong

def test_random_sound_set_ups():
    "A seeded sample of those that bench/doctor_sound.py draws, the last two after some training"
    for seed in range(1000, 1012):
        learn,what = doctor_sound.setup(seed)
        if seed>=1010: zoo.train(learn, 60)
        assert not [o for o in learn.doctor() if o.severity!='remark'], what

# The callback
def watched(learn, steps=200, lr=None, **kw):
    "Findings of the callback, and what it printed"
    out,cb = io.StringIO(),Doctor(**kw)
    with learn.no_bar(), contextlib.redirect_stdout(out): learn.fit_steps(steps, lr, cbs=cb)
    return cb,out.getvalue()

@pytest.mark.parametrize('nm', '''softmax_in_model tanh_on_logits targets_are_inputs targets_two_ahead windows_shuffled
    batch_first_forgotten state_thrown_away detached_each_step hidden_not_passed_on input_zeroed layers_in_a_list
    no_grad_around_rnn only_the_head_is_trained head_too_large loss_summed'''.split())
def test_callback_speaks_early_and_once(nm):
    set_seed(0)
    f,cause,_ = zoo.BROKEN[nm]
    cb,out = watched(f(), share=1.)
    assert cause in cb.findings.names and out.count(f'] {cause}:')==1
    assert len(cb.findings.names)==len(set(cb.findings.names))

@pytest.mark.parametrize('nm,cause', dict(lr_far_too_high='lr_high', log_of_logits='nan', recurrent_weights_explode='nan',
    input_zeroed='plateau', targets_are_inputs='too_good', lr_far_too_low='plateau').items())
def test_callback_without_time_for_checks(nm, cause):
    set_seed(0)
    cb,out = watched(zoo.BROKEN[nm][0](), share=0.)
    assert cause==cb.findings.names[0]

@pytest.mark.parametrize('nm', ['plain_lstm','by_hand_loop','weight_dropped','one_hot','smallest_text'])
def test_callback_is_silent_on_sound_ones(nm):
    set_seed(0)
    cb,out = watched(zoo.SOUND[nm][0](), lr=1e-2, share=1.)
    assert not cb.findings and 'means' not in out

def test_callback_names_the_epoch_of_overfitting():
    set_seed(0)
    learn = zoo.learner(lambda v: zoo.Net(v, n=128), zoo.loaders(zoo.source(4_000), bs=4))
    cb,_  = watched(learn, steps=16*len(learn.dls.train), lr=1e-2)
    found = next(o for o in cb.findings if o.name=='overfitting')
    ls    = [o[1] for o in learn.recorder.values]
    last  = int(re.search(r'after (\d+), while', found.saw)[1])                # epochs that had passed, whatever the first one is called
    best  = int(np.argmin(ls[:last]))
    assert f'validation loss {ls[best]:.3f} after {best+1} epoch' in found.saw and f'{ls[last-1]:.3f} after {last},' in found.saw, found
    assert f'after {best+1} epoch' in found.means and f'fit({best+1})' in found.fix and last<len(ls)

def curve(*valid): return np.array([(2-.1*i,o) for i,o in enumerate(valid)])

@pytest.mark.parametrize('n', [70,5_373,100_000])
def test_chance_is_not_overfitting(n):
    "Curves of a validation loss that stays where it is, measured on `n` characters: a character's loss moves by half a nat, up or down, from one epoch to the next"
    rnd = np.random.default_rng(0)
    for _ in range(50):
        ls = 1.5+rnd.normal(0, 0.5/(2*n)**.5, 16)                               # the difference of two has a spread of 0.5/sqrt(n)
        assert not any(overfit_finding(curve(*ls[:i]), n) for i in range(1, 17))

def test_a_rise_has_to_last_and_to_be_worth_a_word():
    once = [1.6,1.5,1.54,1.49,1.45,1.43]
    assert not any(overfit_finding(curve(*once[:i]), 5_373) for i in range(1, 7))
    assert not overfit_finding(np.array([(.001,.0008),(.0005,.001),(.0004,.001),(.0003,.0011),(.0002,.0012)]), 5_373)
    true = overfit_finding(curve(1.6,1.5,1.6,1.7,1.8), 5_373)
    assert 'validation loss 1.500 after 2 epochs, 1.800 after 5,' in true.saw and 'fit(2)' in true.fix

def test_lr_find_is_left_alone():
    learn = zoo.learner('gru')
    learn.add_cb(Doctor(share=1.))
    with learn.no_bar(), learn.no_logging(): learn.lr_find(num_it=40, show_plot=False)
    assert not learn.doctor_watch.findings and not learn.doctor_watch.losses and learn.doctor()==[]

periods = ['aaaaaaaaaaaaaaab', ''.join(random.Random(3).choices('ab', k=40)), 'a'*15+'bcdefghijklmnopqrst']

@pytest.mark.parametrize('block', periods, ids=['run of 15','40 letters','two kinds of letters'])
def test_what_repeats_may_be_learnt(block):
    "On a text with a period longer than 7 characters a network rightly beats the n-gram far more than twofold"
    set_seed(0)
    learn = zoo.learner('lstm', zoo.loaders(block*(60_000//len(block))))
    cb,_  = watched(learn, steps=300, lr=1e-2, share=0.)
    assert cb.losses[-1]<0.3*yardsticks(learn.dls).ngram and not cb.findings, cb.findings

def test_what_was_learnt_before_is_not_too_good(tmp_path):
    "A second fit of a model that knows its text; a fit that was broken off and goes on"
    def _fit(*cbs):
        set_seed(0)
        learn,doctor = char_learner(zoo.loaders(zoo.words(n=3000), bs=2, seq_len=13), n_hid=256, precision='fp32'),Doctor(share=0.)
        with learn.no_bar(), learn.no_logging(), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(KeyboardInterrupt):
            learn.fit_steps(1900, 5e-3, cbs=[doctor,Resume(tmp_path/'r', every=100),*cbs])
        return learn,doctor
    class Off(Callback):
        def after_batch(self):
            if self.train_iter==1600: raise KeyboardInterrupt
    _fit(Off())
    learn,doctor = _fit()
    assert 120<=len(doctor.losses)<=500 and doctor.losses[-1]<0.3 and 'too_good' not in doctor.findings.names, doctor.findings
    again,_ = watched(learn, steps=130, lr=1e-3, share=0.)
    assert again.losses[-1]<0.3 and 'too_good' not in again.findings.names, again.findings

class Inside(nn.Module):
    "A model of the library in a module of one's own, which has no `reset` of its own"
    def __init__(self, v):
        super().__init__()
        self.inner = CharRNN(v, cell='gru', n_hid=32)
    def forward(self, x): return self.inner(x)

def test_a_state_inside_a_wrapper_is_reset():
    set_seed(0)
    d = zoo.learner(Inside).doctor()
    assert not [o for o in d if o.severity!='remark'], d

@pytest.mark.parametrize('n,n_hid,fits', [(50,32,False), (900,128,True), (2500,400,True)])
def test_a_smaller_model_is_smaller(n, n_hid, fits):
    "The width that is advised for a short text makes a model that the text is not too short for; where none does, more text is"
    dls = zoo.loaders(zoo.words(n=n), bs=2, seq_len=8)
    o = next(o for o in char_learner(dls, n_hid=n_hid, precision='fp32').doctor() if o.name=='small_text')
    if not fits: assert not o.fix and 'more text' in o.means, o
    else:
        small = char_learner(dls, n_hid=int(re.search(r'n_hid=(\d+)', o.fix)[1]), precision='fp32')
        assert n_params(small.model)<=50*len(dls.train.codes) and 'small_text' not in small.doctor().names

@pytest.mark.parametrize('n,split,better', [(50,0.1,None), (900,0.1,0.3), (1500,0.1,0.2), (1500,0.05,0.2), (3000,0.01,0.1)])
def test_advice_on_a_split_changes_it(n, split, better):
    "So that validation has 200 characters; where it cannot, the text is too short"
    o = next(o for o in zoo.learner('gru', zoo.loaders(zoo.words(n=n), bs=2, seq_len=8, split=split)).doctor() if o.name=='valid_differs')
    if better is None: assert not o.fix and 'longer text' in o.means, o
    else:
        assert f'split={better})' in o.fix, o
        assert 'valid_differs' not in zoo.learner('gru', zoo.loaders(zoo.words(n=n), bs=2, seq_len=8, split=better)).doctor().names

def test_one_text_of_two_kinds_is_cut_elsewhere():
    "A text that ends in another alphabet, split at its end already: the same split is no advice"
    dls = zoo.loaders(zoo.words(n=27_000)+zoo.words(zoo.GREEK, n=3000), split=0.1)
    o = next(o for o in zoo.learner('gru', dls).doctor() if o.name=='valid_differs')
    assert "split='char-rnn'" in o.fix and 'split=0.1' not in o.fix, o

# Nothing is changed
def weights(steps, *cbs, before=lambda l: None, nm='by_hand'):
    set_seed(0)
    learn = (zoo.SOUND|zoo.BROKEN)[nm][0]()
    before(learn)
    with learn.no_bar(), learn.no_logging(), contextlib.redirect_stdout(io.StringIO()):
        learn.fit_steps(steps, 1e-2, cbs=list(cbs))
        learn.fit_steps(10, 1e-3)
    return torch.cat([o.flatten() for o in learn.model.state_dict().values()])

@pytest.mark.parametrize('nm', ['by_hand','weight_dropped','softmax_in_model'])
def test_training_is_the_same_to_the_bit(nm):
    plain = weights(160, nm=nm)
    assert torch.equal(plain, weights(160, Doctor(share=1.), nm=nm))
    assert torch.equal(plain, weights(160, nm=nm, before=lambda l: l.doctor()))

def test_doctor_within_training():
    "State, place in the text and optimiser stay what they were"
    learn = zoo.train(zoo.plain_lstm(), 50, 1e-2)
    learn.model(learn.dls.one_batch()[0])
    learn.dls.train.pos = 3
    was = learn.model.get_state(),learn.opt.state_dict(),torch.get_rng_state(),learn.model.training
    learn.doctor()
    assert all(torch.equal(a,b) for a,b in zip(was[0], learn.model.get_state()))
    assert str(was[1])==str(learn.opt.state_dict()) and torch.equal(was[2], torch.get_rng_state())
    assert learn.dls.train.pos==3 and learn.model.training==was[3]
    assert not any(p.grad is not None and p.grad.any() for p in learn.model.parameters())

def test_a_check_that_fails_is_named():
    def check_broken(p): raise KeyError('x')
    d = zoo.plain_gru().doctor(checks=[check_broken])
    assert d==[] and "KeyError: 'x'" in repr(d) and 'check_broken' in d._repr_html_()

def test_a_check_that_fails_is_named_by_the_callback(monkeypatch):
    def check_broken(p): raise KeyError('x')
    check_broken.slow = False
    monkeypatch.setattr(checks, 'CHECKS', [check_broken])
    cb,out = watched(zoo.plain_gru(), steps=25, share=1.)
    assert "check_broken could not be run (KeyError: 'x')" in out and 'check_broken' in cb.failed

# Beside other callbacks
class Scaled(Callback):
    "A gradient scaler: the loss is multiplied before `backward`, the gradient divided before the step"
    order = 9
    def __init__(self, scale=65536., lost=()): self.scaler,self.scale,self.lost = self,scale,lost
    def get_scale(self): return self.scale
    def before_backward(self): self.learn.loss_grad = self.loss_grad*(math.inf if self.train_iter in self.lost else self.scale)
    def before_step(self):
        if self.train_iter in self.lost: raise CancelStepException
        for p in self.model.parameters(): p.grad /= self.scale
    def after_cancel_step(self): self.opt.zero_grad()

class TorchScaled(Callback):
    "Torch's scaler around `backward` and the step"
    order = 9
    def __init__(self, scaler): self.scaler = scaler
    def before_backward(self): self.learn.loss_grad = self.scaler.scale(self.loss_grad)
    def before_step(self):
        for p in self.model.parameters(): p.grad /= self.scaler.get_scale()

def test_a_gradient_scaler_is_not_exploding():
    set_seed(0)
    learn = zoo.plain_gru()
    learn.add_cb(Scaled(lost=(19,)))
    cb,_ = watched(learn, steps=100, lr=1e-2, share=0.)
    assert not cb.findings and cb.norms[0] is None and all(0<o<100 for o in cb.norms[1:])

def test_torchs_own_gradient_scaler():
    "The scaler of fastai's mixed precision, on the CPU: its norms are those without one, and nothing is exploding"
    norms = []
    for scaler in (None,torch.amp.GradScaler('cpu', init_scale=2.**16)):
        set_seed(0)
        learn = zoo.plain_gru()
        if scaler: learn.add_cb(TorchScaled(scaler))
        cb,_ = watched(learn, steps=60, lr=1e-2, share=0.)
        assert not cb.findings
        norms.append(cb.norms)
    assert np.allclose(*norms, rtol=1e-3), norms

def test_accumulated_gradients_are_sound():
    set_seed(0)
    learn = zoo.plain_gru()
    learn.add_cb(GradientAccumulation(16))
    assert not watched(learn, steps=100, lr=1e-2, share=1.)[0].findings

def test_other_processes_are_silent(monkeypatch):
    monkeypatch.setattr(watch, 'rank_distrib', lambda: 1)
    cb,out = watched(zoo.targets_are_inputs(), steps=60, share=1.)
    assert not cb.findings and not cb.losses

def test_lr_find_is_not_training():
    learn = zoo.plain_gru()
    with learn.no_bar(), learn.no_logging(): learn.lr_find(num_it=60, show_plot=False)
    assert Patient(learn).trained==0 and learn.doctor()==[]
    assert Patient(zoo.train(learn, 30)).trained==30

def test_a_loss_in_bits_is_held_against_yardsticks_in_nats():
    set_seed(0)
    learn = zoo.train(zoo_wild.loss_in_bits(), 60, 1e-2)
    d,bits = learn.doctor(),learn.recorder.values[-1][1]
    assert abs(d.loss-bits*math.log(2))<1e-6

def test_a_wrapped_model_is_examined():
    learn = zoo.plain_gru()
    learn.model = nn.DataParallel(learn.model)
    assert Patient(learn).head=='self.head'

def test_every_finding_names_what_is_there():
    "Names in a fix are the reader's own"
    for nm,what in dict(frozen_lstm='learn.model.lstm', loss_of_item='CharLoss').items():
        set_seed(0)
        assert what in zoo_wild.WILD[nm][0]().doctor()[0].fix
    assert 'learn.model.Whh' not in repr(zoo_wild.raw_matrices().doctor())

# After training
class Memory(nn.Module):
    "Looks up what followed in the training text, after the longest piece of up to 12 characters that it knows"
    def __init__(self, codes, v, k=12):
        super().__init__()
        self.v,self.k,self.past,self.bias = v,k,{},nn.Parameter(torch.zeros(v))
        then = {tuple(codes[i:i+n]):codes[i+n] for n in range(k+1) for i in range(len(codes)-n)}
        self.after = lambda h: next(then[h[n:]] for n in range(k+1) if h[n:] in then)      # in a function, since the doctor copies a model some thirty times
    def reset(self): self.past = {}
    def follow(self, i, c):
        h = self.past[i] = (*self.past.get(i, ()),c)[-self.k:]
        return self.after(h)
    def forward(self, x):
        best = torch.tensor([[self.follow(i, c) for c in row] for i,row in enumerate(x.tolist())])
        return 15.*nn.functional.one_hot(best, self.v)+self.bias

def test_samples_that_copy():
    dls   = zoo.loaders(''.join(random.Random(0).choices('abcdefghijklmnopqrstuvwxyz ', k=20_000)), bs=2, seq_len=16)
    learn = zoo.train(zoo.learner(Memory(dls.train.codes.tolist(), len(dls.vocab)), dls), 100, 1e-5)
    found = {o.name:o for o in learn.doctor()}
    assert int(found['sample_copies'].saw.split()[0])>100

def test_samples_that_repeat():
    learn = zoo.train(zoo.plain_gru(), 150, 1e-2)
    assert 'sample_repeats' not in learn.doctor().names
    learn.model.head.weight.data *= 12
    assert 'sample_repeats' in learn.doctor().names

def test_copied_run_is_the_longest():
    rnd = random.Random(0)
    for _ in range(200):
        a,b = (''.join(rnd.choices('ab', k=rnd.randint(0,12))) for _ in range(2))
        best = max((a[i:j] for i in range(len(a)) for j in range(i, len(a)+1) if a[i:j] in b), key=len, default='')
        own  = memorised(a, b, sizes=()).longest
        assert len(own)==len(best) and own in b and own in a

def test_result_shows_itself():
    d = zoo.softmax_in_model().doctor()
    assert d[0].name=='softmax' and f'{math.log(1+(len(zoo.loaders().vocab)-1)/math.e):.3f}' in d[0].means
    page = d._repr_html_().replace('<wbr>', '')                          # where a line may break
    for s in ('softmax','return self.head(out)',yardsticks(zoo.loaders()).named()[1][0]): assert s in repr(d) and s in page
    assert '<script' not in Diagnosis([Finding(name='<script>', saw='', means='', fix='', severity='broken')])._repr_html_()

# Yardsticks
def test_yardsticks_of_shakespeare(shakespeare):
    dls = CharDataLoaders.from_corpus(shakespeare, device='cpu')
    ys  = yardsticks(dls)
    assert [round(o, 2) for o in (ys.uniform,ys.unigram,ys.bigram)]==[4.17,3.35,2.48] and ys.ngram<1.6<ys.trigram<2.06

def test_first_orders_are_smoothed_counts():
    "On much text, order 1 is the entropy of letters, order 2 that of pairs"
    rng = np.random.default_rng(0)
    p   = rng.dirichlet(np.ones(8), 8)
    c   = [0]
    for u in rng.random(60_000): c.append(int(np.searchsorted(np.cumsum(p[c[-1]]), u).clip(0,7)))
    c   = np.array(c, np.uint8)
    ls  = ngram_losses(c[:54_000], c[54_000:], 8)
    pi  = np.bincount(c, minlength=8)/len(c)
    h2  = -(pi[:,None]*p*np.log(p+1e-12)).sum()
    assert abs(ls[1]+(pi*np.log(pi+1e-12)).sum())<0.02 and abs(ls[2]-h2)<0.02 and min(ls[3:])>ls[2]-0.01

def test_yardsticks_refuse_what_cannot_be_counted():
    with pytest.raises(ValueError, match='too few'): ngram_losses(np.zeros(1, np.uint8), np.zeros(5, np.uint8), 2)

# Errors that teach
def fit(learn):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(2)

@pytest.mark.parametrize('precision', ['fp32','auto'])
def test_the_message_of_the_first_day(precision):
    "Expected target size [77, 64], got [77, 70]"
    dls = zoo.loaders(bs=77, seq_len=70)
    v   = len(dls.vocab)
    with pytest.raises(ShapeError, match=rf'\(bs 77, seq_len 70, n_vocab {v}\), targets \(bs 77, seq_len 70\)'):
        fit(CharLearner(dls, zoo.Net(v), loss_func=nn.CrossEntropyLoss(), precision=precision))

@pytest.mark.parametrize('nm', ['classes_last_silent','classes_second_silent'])
def test_silent_shapes_are_caught(nm):
    with pytest.raises(ShapeError, match='are not all different'): fit(zoo.BROKEN[nm][0]())

def test_silent_rows_for_time():
    dls = zoo.loaders(bs=16, seq_len=16)
    with pytest.raises(ShapeError, match=r'returns \(seq_len, bs, n_vocab\)'):
        fit(zoo.learner(zoo._out(zoo.Net, lambda o: o.transpose(0,1)), dls))

@pytest.mark.parametrize('nm', ['window_as_long_as_alphabet','classes_second','time_first_output','one_row'])
def test_sound_shapes_train(nm): fit(zoo.SOUND[nm][0]())

def test_characters_are_named():
    v,last = len(zoo.loaders().vocab),zoo.loaders().vocab.itos[-1]
    for nm in ('embedding_one_short','head_one_short'):
        with pytest.raises(ShapeError, match=f"{last!r} has code {v-1}, but .* only {v-1} "): fit_all(zoo.BROKEN[nm][0]())
    with pytest.raises(ShapeError, match=f'Code {v} is outside the vocabulary'): fit_all(zoo.codes_begin_at_one())
    with pytest.raises(ShapeError, match='must be codes, int64'): fit(zoo.float_targets())

def fit_all(learn):
    with learn.no_bar(), learn.no_logging(): learn.fit(1)

def test_other_errors_pass_through():
    def loss(p, y): raise RuntimeError('mine')
    with pytest.raises(RuntimeError, match='^mine$'): fit(zoo.learner('gru', loss_func=loss))
    with pytest.raises(ShapeError, match='one prediction a row'): fit(zoo.learner(zoo._out(zoo.Net, lambda o: o[:,-1])))

def test_a_large_bias_squashes_nothing():
    "All logits above 0, as training may leave them: the bias is large, and no activation holds them there"
    m = zoo.Net(len(zoo.loaders().vocab))
    nn.init.constant_(m.head.bias, 5.)
    d = zoo.learner(m).doctor()
    assert not [o for o in d if o.severity!='remark'], d

def test_a_rate_that_only_begins_badly_is_slow():
    "Plain SGD at 1 throws a minGRU up by a nat, and it comes back; a rate that throws it further than guessing wrongly stays *broken*"
    set_seed(0)
    learn = zoo.learner(lambda v: CharRNN(v, 'mingru', n_hid=96, n_layers=2), opt_func=SGD, lr=1.)
    assert [(o.name,o.severity) for o in learn.doctor() if o.severity!='remark']==[('lr_high','slow')]
    for f in (zoo.BROKEN['lr_far_too_high'][0],zoo.BROKEN['lr_too_high_rnn'][0]):
        set_seed(0)
        found = f().doctor()[0]
        assert (found.name,found.severity)==('lr_high','broken')

# A rate that is far too high
default = dict(lstm=0.008, gru=0.004, rnn=0.002, mingru=0.004)
invented = 'the cat sat on a mat while one old dog slept by the fire and dreamt of red meat'.split()

def one_cycle(arch, lr, seed=0, epochs=1, cbs=()):
    "A learner after a fit at a rate, and what was printed"
    set_seed(seed)
    dls = CharDataLoaders.from_text(' '.join(random.Random(seed).choices(invented, k=9000)), device='cpu')
    learn,out = char_learner(dls, arch, n_hid=64, precision='fp32'),io.StringIO()
    with learn.no_bar(), learn.no_logging(), contextlib.redirect_stdout(out): learn.fit_one_cycle(epochs, lr, cbs=cbs)
    return learn,out.getvalue()

def advised(said): return [float(o) for o in re.findall(r'\blr ?= ?([\d.e-]+)', said)]

@pytest.mark.parametrize('arch', default)
@pytest.mark.parametrize('lr', [50.,10.])
def test_advice_on_a_rate_agrees_with_itself(arch, lr):
    "During a fit and after it: never above what was said before, and what is known to work"
    learn,said = one_cycle(arch, lr, epochs=2, cbs=Doctor())
    rates = advised(''.join(re.findall('fix: .*', said)))
    assert rates and rates==sorted(rates, reverse=True) and set(rates)=={default[arch]}, said
    after = learn.doctor()[0]
    assert after.name in ('lr_high','nan') and advised(after.fix)==[default[arch]], after

@pytest.mark.parametrize('arch,lr', [(o,50.) for o in default]+[('gru',1.),('rnn',1.),('lstm',10.),('mingru',10.)])
def test_a_rate_that_spoilt_the_weights_is_the_cause(arch, lr):
    "And what follows from such weights, dead gradients or saturated units, is no cause of its own"
    d = one_cycle(arch, lr, seed=1)[0].doctor()
    assert d.names==['lr_high'] and f'{lr:g}' in d[0].saw and d[0].fix.startswith('learn = char_learner('), d

def test_a_rate_is_not_blamed_where_it_works():
    "Ten times the default, and the usual rates of plain SGD, whose steps have another scale"
    assert not [o for o in one_cycle('lstm', 0.08, epochs=4)[0].doctor() if o.severity!='remark']
    set_seed(0)
    learn = zoo.learner(zoo.Net, opt_func=SGD, lr=1.)
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(200)
    assert 'lr_high' not in learn.doctor().names

def test_a_fault_of_the_loss_comes_before_the_rate():
    "Training up the hill is no matter of steps"
    set_seed(0)
    learn = zoo.learner(zoo.Net, loss_func=lambda o,y: -nn.functional.cross_entropy(o.flatten(0,1), y.flatten()))
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(60, 0.1)
    assert learn.doctor().names[0]=='loss_sign'

class Kept(zoo.Net):
    "Keeps its state wherever it is told to, beside other tensors that are no state"
    def __init__(self, v, where):
        super().__init__(v, nn.RNN)
        self.where,self.mask,self.memory = where,None,{}
        self.register_buffer('past', torch.zeros(1, 1, self.rnn.hidden_size))
    def forward(self, x):
        self.mask = torch.ones(x.shape[1], x.shape[1]).tril()
        h = self.memory.get('h') if self.where=='dict' else self.past
        out,h = self.rnn(self.emb(x), h if h is not None and h.shape[1]==len(x) else None)
        if self.where=='dict': self.memory['h'] = h.detach()
        if self.where=='buffer': self.past = h.detach()
        return self.head(out)

@pytest.mark.parametrize('where,name', [('buffer','self.past'),('dict','self.memory'),('nowhere',None)])
def test_the_state_is_named_as_the_reader_does(where, name):
    learn = zoo.learner(lambda v: Kept(v, where))
    assert Patient(learn).kept==name and Patient(learn).state==(name or 'h')

def test_a_fix_names_no_attribute_that_is_not_there():
    "A network cut between characters that keeps no state between windows"
    class Cut(zoo.Net):
        def forward(self, x):
            h,outs = None,[]
            for e in self.emb(x).unbind(1):
                o,h = self.rnn(e[:,None], h)
                h = h.detach()
                outs.append(self.head(o))
            return torch.cat(outs, 1)
    set_seed(0)
    d = zoo.learner(lambda v: Cut(v, nn.RNN)).doctor()
    assert d[0].name=='detached' and d[0].fix=='h = h.detach()  # after the loop, not in it', d

# Lessons
ROOT = Path(__file__).resolve().parent.parent

def test_every_finding_has_a_lesson_that_is_there():
    "Each name that a check gives, and each title, as written in the sources and the tutorial"
    names = {o for f in (ROOT/'charrnn_fa/doctor').glob('*.py') for o in re.findall(r"Finding\('(\w+)'", f.read_text())}
    kept  = ' '.join(LESSONS.values()).split()
    assert len(names)>50 and names==set(kept) and len(kept)==len(set(kept)), (names^set(kept))
    cells = json.loads((ROOT/'nbs/tutorials/why_it_did_not_learn.ipynb').read_text())['cells']
    heads = {l[3:].strip() for c in cells if c['cell_type']=='markdown' for l in ''.join(c['source']).splitlines() if l.startswith('## ')}
    assert set(LESSONS)<=heads, set(LESSONS)-heads

def test_a_finding_links_to_its_lesson(monkeypatch):
    "A file that is there in a clone; the page of the site once there is one; the title where there is neither"
    import charrnn_fa.doctor.finding as finding
    o = zoo.softmax_in_model().doctor()
    path,_,anchor = re.search(r'href="([^"]+)"', o._repr_html_())[1].partition('#')
    assert Path(path).resolve()==(ROOT/'nbs/tutorials/why_it_did_not_learn.ipynb') and anchor=='Softmax,-logits-and-cross-entropy,-with-numbers'
    monkeypatch.setattr(finding, '_site', lambda: 'https://docs.example/')
    at = 'https://docs.example/tutorials/why_it_did_not_learn.html#softmax-logits-and-cross-entropy-with-numbers'
    assert at in repr(o) and f'href="{at}"' in o._repr_html_()
    monkeypatch.setattr(finding, '_site', lambda: '')
    monkeypatch.setattr(finding.importlib.util, 'find_spec', lambda nm: types.SimpleNamespace(origin='/nowhere/charrnn_fa/__init__.py'))
    assert 'href' not in o._repr_html_() and 'Softmax, logits' in o._repr_html_() and 'Softmax, logits' in repr(o)

def test_advice_counts_passes_where_a_row_is_several():
    "Rows of four passes: the advice is in passes over the text, as `fit` takes them, also for a run that is read back"
    dls = CharDataLoaders.from_text('she sells sea shells by the sea shore. '*39, bs=4, seq_len=16, device='cpu')
    learn = char_learner(dls, 'gru', n_hid=16, precision='fp32')
    n = len(dls.train)
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(70*n)
    per_row = learn.passes
    assert per_row>1
    learn.recorder.values = [[2.-i/10,v,0.,0.,0.] for i,v in enumerate([1.5,1.2,1.4,1.6,1.8])]
    learn.recorder.iters,learn.passes = [per_row*n*(i+1) for i in range(5)],1
    f = next(o for o in learn.doctor() if o.name=='overfitting')
    assert f'learn.fit({2*per_row})' in f.fix and 'after 2 epochs' in f.saw

# What a fit was told, and what it read
@pytest.mark.parametrize('how', ['learner','fit'])
def test_a_rate_is_looked_at_wherever_it_was_given(how):
    "In the learner or in the fit; and what stands still because of it is not told to grow"
    set_seed(0)
    learn = zoo.learner('gru', **(dict(lr=1e-6) if how=='learner' else {}))
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(150, None if how=='learner' else 1e-6)
    found = {o.name:o for o in learn.doctor()}
    assert found['lr_low'].severity=='broken' and 'at lr=1e-06' in found['lr_low'].saw and found['lr_low'].fix.startswith('learn.lr = 0.004'), found
    assert ('the fit' in found['lr_low'].fix)==(how=='fit') and not found['plateau'].fix and 'lr_low' in found['plateau'].means, found

@pytest.mark.parametrize('lrs,says', [((-1e-3,-1e-4),'in 140 of the last 140 steps'), ((-1e-2,1e-2),'in 70 of the last 140 steps')])
def test_a_rate_below_0_makes_steps(lrs, says):
    "Set by a callback of one's own, since a fit refuses it as a rate and in a schedule"
    class Falls(Callback):
        def before_batch(self):
            if self.training: self.opt.set_hyper('lr', lrs[0]+(lrs[1]-lrs[0])*float(self.pct_train))
    set_seed(0)
    learn = zoo.learner('gru')
    with learn.no_bar(), learn.no_logging(): learn.fit(1, cbs=Falls())
    found = {o.name:o for o in learn.doctor()}
    assert says in found['lr_negative'].saw and 'climbs' in found['lr_negative'].means and not {'lr_zero','lr_high'} & {*found}, found

def test_a_loss_that_is_many_numbers():
    "Said by the doctor, and by a fit at its first step; a callback may still make one number of them"
    def loss(o, y): return nn.functional.cross_entropy(o.flatten(0,1), y.flatten(), reduction='none')
    class Mean(Callback):
        def after_loss(self): self.learn.loss_grad = self.loss_grad.mean()
    learn = zoo.learner('gru', loss_func=loss)
    d,n = learn.doctor(),learn.dls.one_batch()[1].numel()
    assert d[0].name=='loss_each' and f'{n:,} numbers' in d[0].saw and 'take its mean' in d[0].means, d
    with pytest.raises(ShapeError, match=f'{n:,} numbers, one per character: take its mean'): fit(learn)
    learn.add_cb(Mean())
    fit(learn)

@pytest.mark.parametrize('clip,severity', [(1e-3,None), (1e-6,'slow'), (1e-9,'broken')])
def test_a_low_clip_is_as_bad_as_the_steps_that_it_leaves(clip, severity):
    "Adam divides by the gradient's size plus eps: of steps near eps, half is left"
    o = first(o for o in zoo.learner('gru', clip=clip).doctor() if o.name=='clip_low')
    assert (o and o.severity)==severity, o
    if severity=='slow': assert re.search(r'about 4\d% of each step', o.means), o

class Same(Callback):
    "Asks for the characters that it was given"
    def before_batch(self): self.learn.yb = (self.x,)

def test_a_callback_that_changes_batches_is_named():
    "Not the rate, which did what it could: during the fit, after it, and where the learner does not know the callback any more"
    set_seed(0)
    learn = zoo.learner('gru')
    cb,out = watched(zoo.learner('gru', cbs=Same()), steps=300, lr=1e-2, share=0.)
    assert cb.findings.names[:2]==['too_good','other_batches'] and 'lr_high' not in out, out
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(200, 1e-2, cbs=Same())
    d = learn.doctor()
    assert d[0].name=='other_batches' and 'lr_high' not in d.names and 'Same' not in repr(d), d
    learn.add_cb(Same())
    assert 'Same' in learn.doctor()[0].means

def test_callbacks_that_only_look_change_nothing():
    class Looks(Callback):
        def before_batch(self): self.seen = self.x
    set_seed(0)
    learn = zoo.learner('gru', cbs=[Looks(),GradientAccumulation(16)], dropout=0.5)
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(200, 1e-2)
    assert 'other_batches' not in learn.doctor().names

@pytest.mark.parametrize('enc', ['utf-16-le','utf-16-be','utf-32-le','utf-32-be'])
def test_advice_on_wide_characters_names_the_encoding(enc, tmp_path):
    "Which bytes are NUL says which; what the advice says is what reads the file"
    (tmp_path/'w.txt').write_bytes(zoo.words(n=20_000).encode(enc))
    o = next(o for o in zoo.learner('gru', CharDataLoaders.from_corpus(tmp_path/'w.txt', encoding='latin-1', device='cpu')).doctor() if o.name=='mojibake')
    assert o.fix==f"CharDataLoaders.from_corpus('text.txt', encoding='{enc}')", o
    assert '\0' not in CharDataLoaders.from_corpus(tmp_path/'w.txt', encoding=enc, device='cpu').vocab.itos
    with pytest.raises(CorpusError, match=f"encoding='{enc}'"): CharDataLoaders.from_corpus(tmp_path/'w.txt', device='cpu')

# Faults that were taken for others, and what is none
def fitted(learn, steps=60, lr=1e-2, **kw):
    "The learner after a fit without a word"
    set_seed(0)
    with learn.no_bar(), learn.no_logging(), contextlib.redirect_stdout(io.StringIO()): learn.fit_steps(steps, lr, **kw)
    return learn

def grave(d): return [o for o in d if o.severity!='remark']

class Counts(Callback):
    n = 0
    def before_batch(self): self.n += 1

def test_a_banner_before_the_text_is_no_other_batch():
    "What a few characters at the beginning cost says nothing of a fit"
    banner = ''.join(random.Random(1).choices([chr(0x2500+i) for i in range(60)], k=300))
    set_seed(0)
    learn = zoo.learner(zoo.Net, zoo.loaders(banner+zoo.words(), seq_len=64))
    learn.add_cb(Counts())
    assert not grave(fitted(learn).doctor()), learn.doctor()

def nll(o, y): return nn.functional.nll_loss(o.flatten(0,1), y.flatten())

@pytest.mark.parametrize('steps', [0,150])
@pytest.mark.parametrize('f', [lambda o: o.softmax(-1).log_softmax(-1), lambda o: o.softmax(-1).softmax(-1).log()], ids=['log_softmax','log'])
def test_a_softmax_before_a_log_softmax(f, steps):
    set_seed(0)
    learn = zoo.learner(zoo._out(zoo.Net, f), loss_func=nll)
    d = (fitted(learn, steps) if steps else learn).doctor()
    assert d[0].name=='softmax' and 'return self.head(out)' in d[0].fix, d

def test_log_softmax_alone_is_sound():
    set_seed(0)
    learn = zoo.learner(zoo._out(zoo.Net, lambda o: o.log_softmax(-1).log_softmax(-1)), loss_func=nll)
    assert not grave(learn.doctor()) and not grave(fitted(learn, 100).doctor())

@pytest.mark.parametrize('axis,what', [(0,'rows'), (1,'characters')])
@pytest.mark.parametrize('fn', ['softmax','log_softmax'])
def test_a_softmax_over_another_axis_is_named(axis, what, fn):
    "Not time taken for batch, nor a look at what comes later"
    set_seed(0)
    d = zoo.learner(zoo._out(zoo.Net, lambda o: getattr(o, fn)(axis)), **(dict(loss_func=nll) if fn=='log_softmax' else {})).doctor()
    assert d[0].name=='softmax' and f'over the {what}' in d[0].saw and 'dim=-1' in d[0].fix and 'batch_first' not in repr(d) and 'one direction' not in repr(d), d

def test_a_fix_does_not_say_what_stands_there():
    "Rows mixed, and a later character seen, by something after a layer that has `batch_first=True` and one direction"
    class Centred(zoo.Net):
        axis = 0
        def forward(self, x): return super().forward(x)-super().forward(x).mean(self.axis, keepdim=True)
    class Ahead(Centred): axis = 1
    for model,name in ((Centred,'time_as_batch'),(Ahead,'sees_future')):
        d = zoo.learner(model).doctor()
        o = next(o for o in d if o.name==name)
        assert 'batch_first' not in o.fix and 'one direction' not in o.fix, o
    assert 'one direction' in next(o for o in zoo.bidirectional().doctor() if o.name=='sees_future').fix

@pytest.mark.parametrize('model', [zoo.Net,zoo_wild.Conv])
def test_targets_that_wrap_around(model):
    set_seed(0)
    kw = dict(loss_func=nn.CrossEntropyLoss()) if model is zoo_wild.Conv else {}
    d = zoo.learner(model, zoo._batch(zoo.loaders(), lambda b: (b[0],b[0].roll(-1, 1))), **kw).doctor()
    assert d[0].name=='alignment' and 'own first character' in d[0].means and 'window_order' not in d.names, d

@pytest.mark.parametrize('text', ['abcdefgh'*2000,'ab'*8000])
def test_a_text_may_wrap_around_by_itself(text):
    d = zoo.learner('gru', zoo.loaders(text)).doctor()
    assert not {'alignment','rows_alike'} & set(d.names), d

@pytest.mark.parametrize('lr,clip', [(30.,None), (1000.,None), (1e6,0.)])
def test_a_rate_of_plain_sgd_that_is_far_too_high(lr, clip):
    "The cause, and advice with which the loss falls"
    set_seed(0)
    def _learner(lr): return zoo.learner(zoo.Net, opt_func=SGD, lr=lr, **({} if clip is None else dict(clip=clip)))
    d = fitted(_learner(lr), 60, None).doctor()
    assert d[0].name in ('lr_high','nan') and 'learn.lr' not in d[0].fix, d
    new = _learner(advised(d[0].fix)[0])
    ls  = [float(o) for o in fitted(new, 60, None).recorder.losses]
    assert ls[-1]<ls[0]-0.2, (d[0],ls[::10])

def test_spectral_norm_cuts_no_gradient():
    def _model(v):
        m = zoo.Net(v)
        nn.utils.parametrizations.spectral_norm(m.head)
        return m
    set_seed(2)
    assert not grave(zoo.learner(_model).doctor())

class Past(nn.Module):
    "The last four characters, through two layers"
    def __init__(self, v, act=None, dead=False):
        super().__init__()
        self.emb,self.inner,self.act,self.out = nn.Embedding(v, 16),nn.Linear(64, 48),act or nn.functional.relu,nn.Linear(48, v)
        if dead: nn.init.constant_(self.inner.bias, -50.)
    def forward(self, x):
        e = self.emb(nn.functional.pad(x, (3,0)))
        return self.out(self.act(self.inner(torch.cat([e[:,i:i+x.shape[1]] for i in range(4)], -1))))

def test_dead_units_of_a_layer_of_its_own():
    "The layer is named where it is one, and no line of code names what is not there"
    for act,says in ((None,None),(nn.ReLU(),'learn.model.act')):
        o = next(o for o in zoo.learner(lambda v: Past(v, act, dead=True)).doctor() if o.name=='dead_units')
        assert not o.fix and (says is None or says in o.saw), o
    def _bias(v):
        m = zoo.Net(v, nn.RNN)
        nn.init.constant_(m.rnn.bias_ih_l0, 50.)
        return m
    o = next(o for o in zoo.learner(_bias).doctor() if o.name=='dead_units')
    assert o.fix=='nn.init.zeros_(learn.model.rnn.bias_ih_l0)' and 'learn.model.rnn' in o.saw, o

class Cancels(Callback):
    def before_step(self): raise CancelStepException

@pytest.mark.parametrize('cb,kw', [(lambda: GradientAccumulation(10**9),{}), (Cancels,{}), (Cancels,dict(opt_func=Adam))])
def test_a_fit_without_a_step(cb, kw):
    o = next(o for o in fitted(zoo.learner(zoo.Net, **kw), 200, cbs=cb()).doctor() if o.name=='plateau')
    assert 'no step was made' in o.means and 'GradientAccumulation' in o.means and 'n_hid' not in o.fix, o

def test_logits_multiplied_after_the_head():
    "Its own weights are as they should be"
    set_seed(0)
    o = next(o for o in zoo.learner(zoo._out(zoo.Net, lambda o: o*1000)).doctor() if o.name=='init_loss')
    assert 'after' in o.means and '1,000' in o.saw and 'xavier' not in o.fix, o
    m = zoo.Net(len(zoo.loaders().vocab))
    m.head.weight.data *= 1000
    assert 'xavier' in next(o for o in zoo.learner(m).doctor() if o.name=='init_loss').fix

def test_how_far_convolutions_see():
    "A longer window changes nothing for them"
    class Two(nn.Module):
        def __init__(self, v):
            super().__init__()
            self.emb,self.conv,self.head = nn.Embedding(v, 24),nn.Conv1d(24, 48, 3),nn.Linear(48, v)
        def forward(self, x): return self.head(self.conv(nn.functional.pad(self.emb(x).transpose(1,2), (2,0))).relu().transpose(1,2))
    set_seed(0)
    o = next(o for o in zoo.learner(Two).doctor() if o.name=='state_not_carried')
    assert '3 characters' in o.means and not o.fix, o
    o = next(o for o in zoo.learner(zoo_wild.Transformer).doctor() if o.name=='state_not_carried')
    assert '32 characters' in o.means and 'seq_len=64' in o.fix, o

def test_what_was_frozen_on_purpose_is_no_fault():
    set_seed(0)
    learn = zoo_wild.frozen_by_learner()
    assert [o.severity for o in learn.doctor() if o.name=='frozen']==['remark']
    cb,_ = watched(learn, steps=25, lr=1e-2, share=1.)
    assert [o.severity for o in cb.findings if o.name=='frozen']==['remark'] and not grave(cb.findings)
    learn.trained_from = learn
    assert 'frozen' not in learn.doctor().names
    del learn.trained_from
    part = zoo.learner(lambda v: zoo.Net(v, n=128))
    part.model.rnn.requires_grad_(False)
    assert [o.severity for o in part.doctor() if o.name=='frozen']==['slow']

def test_focal_loss_is_a_remark():
    "Nothing for a perfect answer, and a gradient to the same side as that of cross-entropy"
    def focal(o, y):
        lp = o.flatten(0,1).log_softmax(-1).gather(1, y.flatten()[:,None])[:,0]
        return (-(1-lp.exp())**2*lp).mean()
    set_seed(0)
    d = zoo.learner(zoo.Net, loss_func=focal).doctor()
    assert [o.severity for o in d if o.name=='loss_kind']==['remark'] and not grave(d) and 'yardsticks' in d[0].means, d

class Breaks(Callback):
    "Weights that are no numbers, or far too large, at a step"
    def __init__(self, at, by): self.at,self.by = at,by
    def after_batch(self):
        if self.training and self.train_iter==self.at:
            for o in self.model.parameters(): o.data.mul_(self.by)

@pytest.mark.parametrize('steps,at,by,name', [(38,25,math.nan,'nan'), (15,5,1e4,'lr_high')])
def test_the_last_steps_of_a_fit_are_looked_at(steps, at, by, name):
    learn = zoo.plain_gru()
    learn.add_cb(Breaks(at, by))
    cb,_ = watched(learn, steps=steps, lr=1e-2, share=0.)
    assert name in cb.findings.names and len(cb.losses)==steps, cb.findings

def test_a_code_without_a_row_is_named():
    class Shifted(zoo.Net):
        def forward(self, x): return super().forward(x-1)
    d = zoo.learner(Shifted).doctor()
    v = len(zoo.loaders().vocab)
    assert d[0].name=='crash' and 'learn.model.emb' in d[0].saw and 'code -1' in d[0].saw and f'{v} rows' in d[0].saw and 'shape' not in d[0].means, d

def test_dropout_that_is_a_function():
    class Drops(zoo.Net):
        p = 0.99
        def keep(self, h): super().keep(h)
        def forward(self, x):
            o,h = self.rnn(self.emb(x), self.old(x))
            self.keep(h)
            return self.head(nn.functional.dropout(o, self.p, self.training))
    o = first(o for o in zoo.learner(Drops).doctor() if o.name=='dropout')
    assert o and '0.99' in o.saw, o
    class Half(Drops): p = 0.5
    assert 'dropout' not in zoo.learner(Half).doctor().names

def test_rows_that_are_all_the_same():
    def _same(b): return tuple(o[:1].expand_as(o).clone() for o in b)
    d = zoo.learner('gru', zoo._batch(zoo.loaders(), _same)).doctor()
    assert d[0].name=='rows_alike' and '8 rows' in d[0].saw, d

def test_gradients_that_were_switched_off_for_good():
    torch.set_grad_enabled(False)
    try: d = zoo.learner(zoo.Net).doctor()
    finally: torch.set_grad_enabled(True)
    assert d[0].name=='no_gradient' and d[0].fix=='torch.set_grad_enabled(True)', d
    assert 'no_gradient' not in zoo.learner(zoo.Net).doctor().names

def test_what_cannot_overfit_because_of_another_fault_gets_no_advice():
    set_seed(0)
    found = {o.name:o for o in zoo_wild.learner(zoo_wild.Deep).doctor()}
    assert 'vanishing' in found and not found['cannot_overfit'].fix and 'vanishing' in found['cannot_overfit'].means, found
