"Set-ups with a known fault, each one line away from a sound one, and sound ones: what the doctor is tried on"
import inspect,argparse,random
from functools import lru_cache
import torch, torch.nn as nn, torch.nn.functional as F
from fastai.basics import CrossEntropyLossFlat,ItemTransform,L,SGD
from charrnn_fa.everything import *

BROKEN,SOUND = {},{}

def _into(zoo, cause, held):
    def _inner(f):
        zoo[f.__name__] = f,cause,held
        return f
    return _inner

def broken(cause, held=False): return _into(BROKEN, cause, held)
def sound(held=False): return _into(SOUND, None, held)

def collector(into):
    "A decorator that puts set-ups `into` a dictionary: their first finding must be one of its arguments; it has none for a sound one"
    def _causes(*causes):
        def _inner(f):
            into[f.__name__] = f,causes
            return f
        return _inner
    return _causes

# Texts, all of them made here or read from Python's own library
LATIN,GREEK,CJK = 'etaoinshrdlucmf','αβγδεζηθικλμνξοπρστυφχψω',''.join(map(chr, range(0x4e00,0x4e00+300)))

@lru_cache
def words(alphabet=LATIN, n=40_000, seed=0, n_words=300):
    "Made-up words, a few of them frequent, in sentences"
    rnd = random.Random(seed)
    ws  = [''.join(rnd.choices(alphabet, range(len(alphabet),0,-1), k=rnd.randint(2,7))) for _ in range(n_words)]
    out = rnd.choices(ws, [1/(i+1) for i in range(n_words)], k=n//3)
    return ' '.join(w+rnd.choice(['','','','',',','.\n']) for w in out)[:n]

@lru_cache
def source(n=60_000): return inspect.getsource(argparse)[:n]

def counting(n=9_000): return '0 1 2 '*(n//6)

def loaders(text=None, bs=8, seq_len=32, **kw): return CharDataLoaders.from_text(text or words(), bs=bs, seq_len=seq_len, device='cpu', **kw)

def learner(model, dls=None, **kw):
    "A learner over `model`, or over what `model` makes of the vocabulary's size"
    dls = dls or loaders()
    if not isinstance(model,(nn.Module,str)): model = model(len(dls.vocab))
    kw = {'precision':'fp32', **kw}
    return char_learner(dls, model, **(dict(n_hid=48, n_emb=24) if isinstance(model,str) else {}), **kw)

def train(learn, steps, lr=None):
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(steps, lr)
    return learn

# Two sound modules, written by hand
class Net(nn.Module):
    "Embedding, a layer of torch's, a head; the state is carried"
    def __init__(self, v, cell=nn.GRU, n=48, e=24, **kw):
        super().__init__()
        self.emb,self.rnn,self.head,self.h = nn.Embedding(v, e),cell(e, n, batch_first=True, **kw),nn.Linear(n, v),None
    def reset(self): self.h = None
    def keep(self, h): self.h = tuple(o.detach() for o in h) if isinstance(h,tuple) else h.detach()
    def old(self, x):
        h = self.h[0] if isinstance(self.h,tuple) else self.h
        return self.h if h is not None and h.shape[1]==len(x) else None
    def forward(self, x):
        o,h = self.rnn(self.emb(x), self.old(x))
        self.keep(h)
        return self.head(o)

class Loop(nn.Module):
    "One-hot input and a loop over time, as in a first lesson on recurrent networks"
    def __init__(self, v, n=48):
        super().__init__()
        self.v,self.n,self.h = v,n,None
        self.i2h,self.h2o = nn.Linear(v+n, n),nn.Linear(n, v)
    def reset(self): self.h = None
    def step(self, x, h): return torch.tanh(self.i2h(torch.cat([x, h], 1)))
    def forward(self, x):
        x,outs = F.one_hot(x, self.v).float(),[]                  # (bs, seq_len, v)
        h = self.h if self.h is not None and len(self.h)==len(x) else torch.zeros(len(x), self.n)
        for t in range(x.shape[1]):
            h = self.step(x[:,t], h)
            outs.append(self.h2o(h))
        self.h = h.detach()
        return torch.stack(outs, 1)                               # (bs, seq_len, v)

class Cells(nn.Module):
    "An LSTM cell in a loop"
    def __init__(self, v, n=48, e=24):
        super().__init__()
        self.emb,self.cell,self.head,self.h = nn.Embedding(v, e),nn.LSTMCell(e, n),nn.Linear(n, v),None
    def reset(self): self.h = None
    def link(self, h): return h
    def forward(self, x):
        e,outs,h = self.emb(x),[],self.h if self.h is not None and len(self.h[0])==len(x) else None
        for t in range(x.shape[1]):
            h = self.link(self.cell(e[:,t], h))
            outs.append(h[0])
        self.h = tuple(o.detach() for o in h)
        return self.head(torch.stack(outs, 1))

def _out(base, f):
    "`base` with `f` over its output"
    class New(base):
        def forward(self, x): return f(super().forward(x))
    return New

def _batch(dls, f):
    "Loaders whose batches go through `f`"
    for dl in dls.loaders: dl.after_batch.add(ItemTransform(f))
    return dls

# Broken: what comes out
@broken('softmax')
def softmax_in_model(): return learner(_out(Net, lambda o: o.softmax(-1)))
@broken('softmax', held=True)
def softmax_in_loss(): return learner('lstm', loss_func=lambda p,y: F.cross_entropy(p.softmax(-1).flatten(0,1), y.flatten()))
@broken('softmax')
def softmax_over_time(): return learner(_out(Loop, lambda o: o.softmax(1)))
@broken('squashed')
def tanh_on_logits(): return learner(_out(Net, torch.tanh))
@broken('squashed', held=True)
def sigmoid_on_logits(): return learner(_out(Cells, torch.sigmoid))
@broken('squashed')
def relu_on_logits(): return learner(_out(Loop, F.relu))

# Broken: what goes in
@broken('alignment')
def targets_are_inputs(): return learner('gru', _batch(loaders(), lambda b: (b[0],b[0])))
@broken('alignment')
def targets_two_ahead(): return learner('rnn', _batch(loaders(), lambda b: (b[0][:,:-1],b[1][:,1:])))
@broken('alignment', held=True)
def targets_one_behind(): return learner(Net, _batch(loaders(), lambda b: (b[1],b[0])))
@broken('alignment')
def targets_of_other_rows(): return learner(Loop, _batch(loaders(), lambda b: (b[0],b[1].roll(1, 0))))
@broken('dtype')
def float_targets(): return learner('lstm', _batch(loaders(), lambda b: (b[0],b[1].float())))
@broken('dtype', held=True)
def float_inputs(): return learner(Net, _batch(loaders(), lambda b: (b[0].float(),b[1])))
@broken('code_range')
def codes_begin_at_one(): return learner('gru', _batch(loaders(), lambda b: (b[0]+1,b[1]+1)))

class Shuffled(CharStreamDL):
    def __iter__(self):
        bs = list(super().__iter__())
        random.Random(0).shuffle(bs)
        return iter(bs)

@broken('window_order')
def windows_shuffled():
    dls = loaders()
    dls.train.__class__ = Shuffled
    return learner('lstm', dls)
@broken('leak')
def text_twice(): return learner('gru', loaders(words(n=20_000)*2))
@broken('leak', held=True)
def valid_is_train():
    dls = loaders(source())
    dls.loaders[1] = dls.train.new()
    return learner(Net, dls)
@broken('small_text')
def big_model_small_text(): return char_learner(loaders(words(n=2_500), bs=4), 'lstm', n_hid=400, precision='fp32')

# Broken: sizes and axes
@broken('head_size')
def head_one_short(): return learner(lambda v: _set(Net(v), head=nn.Linear(48, v-1)), loss_func=CrossEntropyLossFlat())
@broken('head_size', held=True)
def head_too_wide(): return learner(lambda v: _set(Cells(v), head=nn.Linear(48, v+40)), loss_func=CrossEntropyLossFlat())
@broken('embedding_size')
def embedding_one_short(): return learner(lambda v: _set(Net(v), emb=nn.Embedding(v-1, 24)))

def _set(m, **kw):
    for k,v in kw.items(): setattr(m, k, v)
    return m

class TimeFirst(Net):
    def __init__(self, v, cell=nn.LSTM, n=48, e=24):
        super().__init__(v, cell, n, e)
        self.rnn = cell(e, n)
@broken('time_as_batch')
def batch_first_forgotten(): return learner(TimeFirst)
@broken('time_as_batch', held=True)
def batch_first_forgotten_rnn(): return learner(lambda v: TimeFirst(v, nn.RNN), loaders(source(), bs=16))
@broken('time_as_batch')
def view_for_transpose(): return learner(_out(Net, lambda o: o.transpose(0,1).contiguous().view(o.shape)))
@broken('time_as_batch', held=True)
def flat_by_time(): return learner(_out(Loop, lambda o: o.transpose(0,1).flatten(0,1)))
@broken('loss_axes')
def classes_last_for_torch(): return learner(Net, loss_func=nn.CrossEntropyLoss())
@broken('loss_axes')
def classes_last_silent():
    v = len(loaders().vocab)
    return learner(Net, loaders(seq_len=v), loss_func=nn.CrossEntropyLoss())
@broken('loss_axes', held=True)
def classes_second_silent():
    v = len(loaders().vocab)
    return learner(_out(Net, lambda o: o.transpose(1,2)), loaders(seq_len=v))
@broken('loss_axes')
def time_first_flattened(): return learner(_out(Net, lambda o: o.transpose(0,1)), loss_func=CrossEntropyLossFlat())

# Broken: state
class Forgets(Net):
    def keep(self, h): self.h = None
@broken('state_not_carried')
def state_thrown_away(): return learner(Forgets)
class NoReset(Net): reset = property()
@broken('state_not_reset')
def reset_missing(): return learner(NoReset)
class EmptyReset(Cells):
    def reset(self): pass
@broken('state_not_reset', held=True)
def reset_does_nothing(): return learner(EmptyReset)
class Attached(Net):
    def keep(self, h): self.h = h
@broken('state_not_detached')
def state_not_detached(): return learner(Attached)
class Detached(Loop):
    def step(self, x, h): return super().step(x, h.detach())
@broken('detached')
def detached_each_step(): return learner(Detached)
class DetachedCells(Cells):
    def link(self, h): return tuple(o.detach() for o in h)
class DetachedLSTM(Cells):
    def link(self, h): return h[0],h[1].detach()
@broken('detached', held=True)
def cell_state_detached(): return learner(DetachedLSTM)
@broken('no_gradient')
def hidden_detached(): return learner(DetachedCells)
class Amnesia(Loop):
    def step(self, x, h): return super().step(x, torch.zeros_like(h))
@broken('no_memory')
def hidden_not_passed_on(): return learner(Amnesia)
class AmnesiaCells(Cells):
    def forward(self, x): return self.head(torch.stack([self.cell(o)[0] for o in self.emb(x).unbind(1)], 1))
@broken('no_memory', held=True)
def cell_without_state(): return learner(AmnesiaCells)

# Broken: wiring
class Blind(Net):
    def forward(self, x): return super().forward(torch.zeros_like(x))
@broken('input_ignored')
def input_zeroed(): return learner(Blind)
class Ahead(Net):
    def forward(self, x):
        o,h = self.rnn(self.emb(x), self.old(x))
        self.keep(h)
        return self.head(o[:,-1:].expand_as(o))
@broken('sees_future')
def last_state_for_all(): return learner(Ahead)
class Both(Net):
    def __init__(self, v):
        super().__init__(v, bidirectional=True)
        self.head = nn.Linear(96, v)
@broken('sees_future', held=True)
def bidirectional(): return learner(Both)
class Listed(Net):
    def __init__(self, v):
        super().__init__(v)
        self.more = [nn.Linear(48, 48)]
        self.head = nn.Sequential(nn.Tanh(), self.head)
    def forward(self, x):
        o,h = self.rnn(self.emb(x), self.old(x))
        self.keep(h)
        return self.head(self.more[0](o))
@broken('unregistered')
def layers_in_a_list(): return learner(Listed)
class NoGrad(Net):
    def forward(self, x):
        with torch.no_grad(): o,h = self.rnn(self.emb(x), self.old(x))
        self.keep(h)
        return self.head(o)
@broken('no_gradient')
def no_grad_around_rnn(): return learner(NoGrad)
class Unused(Net):
    def __init__(self, v):
        super().__init__(v)
        self.more = nn.Linear(48, 48)
@broken('no_gradient', held=True)
def layer_unused(): return learner(Unused)
@broken('not_in_optimizer')
def only_the_head_is_trained(): return learner(Net, opt_func=lambda ps,lr: adamw(list(L(ps).concat())[-2:], lr=lr))

# Broken: numbers
def _scaled(m, **kw):
    with torch.no_grad():
        for k,s in kw.items(): m.get_parameter(k.replace('__','.')).mul_(s)
    return m
@broken('lr_high')
def lr_far_too_high(): return learner('gru', lr=3.)
@broken('lr_high', held=True)
def lr_too_high_rnn(): return learner(Loop, lr=1., clip=0.)
@broken('lr_low')
def lr_far_too_low(): return learner('lstm', lr=1e-7)
@broken('lr_low', held=True)
def sgd_with_the_lr_of_adam(): return learner(Net, opt_func=SGD, lr=1e-4)
@broken('init_loss')
def head_too_large(): return learner(lambda v: _scaled(Net(v), head__weight=60.))
@broken('init_zero', held=True)
def all_weights_zero(): return learner(lambda v: _scaled(Net(v), **{k.replace('.','__'):0. for k,_ in Net(v).named_parameters()}))
@broken('dead_units')
def relu_units_dead(): return learner(lambda v: _bias(Net(v, nn.RNN, nonlinearity='relu'), -50.))
def _bias(m, b):
    nn.init.constant_(m.rnn.bias_ih_l0, b)
    return m
@broken('saturated')
def tanh_saturated(): return learner(lambda v: _scaled(Net(v, nn.RNN), rnn__weight_ih_l0=1000.))
@broken('nan')
def log_of_logits(): return learner(_out(Net, torch.log))
@broken('nan', held=True)
def weights_nan(): return learner(lambda v: _scaled(Cells(v), head__bias=float('nan')))
@broken('exploding')
def recurrent_weights_explode(): return learner(lambda v: _scaled(Net(v, nn.RNN, nonlinearity='relu'), rnn__weight_hh_l0=8.))
@broken('dropout')
def dropout_of_nearly_all(): return char_learner(loaders(), 'gru', n_hid=48, n_layers=2, dropout=0.97, precision='fp32')

# Broken: the loss
@broken('loss_sum')
def loss_summed(): return learner('gru', loss_func=lambda p,y: F.cross_entropy(p.flatten(0,1), y.flatten(), reduction='sum'))
@broken('loss_partial')
def loss_of_last_only(): return learner(Net, loss_func=lambda p,y: F.cross_entropy(p[:,-1], y[:,-1]))
@broken('loss_kind')
def nll_of_logits(): return learner('rnn', loss_func=lambda p,y: F.nll_loss(p.flatten(0,1), y.flatten()))
@broken('loss_kind', held=True)
def squared_error(): return learner(Loop, loss_func=lambda p,y: F.mse_loss(p, F.one_hot(y, p.shape[-1]).float()))

# Broken: seen once it has trained
@broken('cannot_overfit')
def one_hidden_unit(): return train(learner(lambda v: Net(v, n=1)), 300, 1e-2)
@broken('overfitting')
def trained_too_long():
    learn = learner(lambda v: Net(v, n=128), loaders(source(4_000), bs=4))
    with learn.no_bar(), learn.no_logging(): learn.fit(16, 1e-2)
    return learn

# Sound
@sound()
def plain_lstm(): return learner('lstm')
@sound()
def plain_gru(): return learner('gru', loaders(source()))
@sound(held=True)
def plain_rnn(): return learner('rnn', loaders(words(GREEK)))
@sound()
def plain_mingru(): return learner('mingru', loaders(words(CJK, n_words=900)))
@sound()
def one_hot(): return char_learner(loaders(source()), 'rnn', n_hid=64, n_emb=0, precision='fp32')
@sound(held=True)
def two_layers(): return char_learner(loaders(), 'lstm', n_hid=64, n_layers=2, dropout=0.5, precision='fp32')
@sound()
def weight_dropped(): return char_learner(loaders(), 'lstm', n_hid=64, weight_drop=0.5, emb_drop=0.1, precision='fp32')
@sound()
def tied(): return char_learner(loaders(), 'gru', n_hid=64, n_emb=64, tie=True, precision='fp32')
@sound(held=True)
def learned_start(): return char_learner(loaders(), 'lstm', n_hid=64, learn_init=True, precision='fp32')
@sound()
def smallest_text(): return learner(lambda v: Net(v, n=16), loaders(counting()))
@sound()
def one_row(): return learner('gru', loaders(bs=1, seq_len=64))
@sound(held=True)
def long_windows(): return learner('lstm', loaders(source(), bs=4, seq_len=256))
@sound()
def short_windows(): return learner('rnn', loaders(bs=64, seq_len=8))
@sound()
def window_as_long_as_alphabet(): return learner('gru', loaders(seq_len=len(loaders().vocab)))
@sound()
def by_hand(): return learner(Net)
@sound(held=True)
def by_hand_lstm(): return learner(lambda v: Net(v, nn.LSTM, n=96), loaders(words(GREEK, seed=3)))
@sound()
def by_hand_rnn(): return learner(lambda v: Net(v, nn.RNN), loaders(source()))
@sound()
def by_hand_relu(): return learner(lambda v: Net(v, nn.RNN, nonlinearity='relu'))
@sound()
def by_hand_loop(): return learner(Loop)
@sound(held=True)
def by_hand_cells(): return learner(Cells, loaders(source(30_000)))
@sound()
def flat_loss(): return learner(Net, loss_func=CrossEntropyLossFlat())
@sound()
def classes_second(): return learner(_out(Net, lambda o: o.transpose(1,2)), loss_func=nn.CrossEntropyLoss())
@sound(held=True)
def log_probabilities(): return learner(_out(Net, lambda o: o.log_softmax(-1)), loss_func=lambda p,y: F.nll_loss(p.flatten(0,1), y.flatten()))
@sound()
def probabilities_and_log(): return learner(_out(Net, lambda o: o.softmax(-1)), loss_func=lambda p,y: F.nll_loss(p.flatten(0,1).log(), y.flatten()))
@sound()
def label_smoothing(): return learner('gru', loss_func=CrossEntropyLossFlat(label_smoothing=0.1))
@sound()
def time_first_output(): return learner(_out(Loop, lambda o: o.transpose(0,1)))
@sound(held=True)
def plain_sgd(): return learner(Net, opt_func=SGD, lr=1.)
@sound()
def low_but_sound_lr(): return learner('lstm', lr=1e-3)
@sound(held=True)
def high_but_sound_lr(): return learner('gru', lr=1e-2)
@sound()
def trained_a_little(): return train(learner('gru'), 120, 1e-2)
@sound()
def trained_rnn(): return train(learner(Loop, loaders(source())), 200, 5e-3)
@sound(held=True)
def trained_lstm(): return train(learner('lstm', loaders(source())), 250, 1e-2)
@sound()
def trained_to_count(): return train(learner(lambda v: Net(v, n=16), loaders(counting())), 150, 1e-2)

# Written last, after all tuning, and never tuned on
FRESH_BROKEN,FRESH_SOUND = {},{}
def fresh(cause): return _into(FRESH_BROKEN if cause else FRESH_SOUND, cause, True)

@fresh('softmax')
def softmax_in_rnn_loop(): return learner(_out(Loop, lambda o: o.softmax(-1)), loaders(words(GREEK)))
@fresh('time_as_batch')
def batch_first_forgotten_gru(): return learner(lambda v: TimeFirst(v, nn.GRU), loaders(words(GREEK), bs=4, seq_len=64))
@fresh('alignment')
def targets_shuffled(): return learner('lstm', _batch(loaders(source()), lambda b: (b[0],b[1][:,torch.randperm(b[1].shape[1])])))
@fresh('embedding_size')
def embedding_of_half(): return learner(lambda v: _set(Cells(v), emb=nn.Embedding(v//2, 24)))
class ForgetsLoop(Loop):
    def forward(self, x):
        out = super().forward(x)
        self.h = None
        return out
@fresh('state_not_carried')
def loop_begins_anew(): return learner(ForgetsLoop)
@fresh('lr_low')
def lr_too_low_gru(): return learner('gru', loaders(source()), lr=3e-7)
@fresh('loss_sum')
def loss_summed_over_time(): return learner(Cells, loss_func=lambda p,y: F.cross_entropy(p.flatten(0,1), y.flatten())*y.shape[1])
@fresh('detached')
def rnn_cell_detached():
    class New(Loop):
        def step(self, x, h): return super().step(x, h).detach()*0.5+super().step(x, h.detach())*0.5
    return learner(New)
@fresh('head_size')
def head_one_too_wide(): return learner(lambda v: _set(Net(v, nn.LSTM), head=nn.Linear(48, v+1)), loss_func=CrossEntropyLossFlat())

@fresh(None)
def deep_rnn(): return char_learner(loaders(source()), 'rnn', n_hid=48, n_layers=3, precision='fp32')
@fresh(None)
def wide_gru_greek(): return char_learner(loaders(words(GREEK, seed=7)), 'gru', n_hid=160, dropout=0.2, precision='fp32')
@fresh(None)
def learned_start_gru(): return char_learner(loaders(words(CJK, n_words=500)), 'gru', n_hid=48, learn_init=True, precision='fp32')
@fresh(None)
def by_hand_two_layers(): return learner(lambda v: Net(v, nn.LSTM, num_layers=2, dropout=0.3), loaders(words(seed=5)))
@fresh(None)
def adam_small_lr(): return learner(Cells, loaders(words(seed=9)), lr=5e-4)
@fresh(None)
def trained_mingru(): return train(learner('mingru', loaders(words(seed=4))), 300, 1e-2)
@fresh(None)
def few_rows(): return learner('lstm', loaders(words(n=3_000), bs=2, seq_len=16))

# Training on: weights of the same characters in another order, and the same matched by character
@lru_cache
def spelling(): return train(learner('gru', loaders(words(seed=11))), 300, 1e-2)
def renumbered(model, seed=0):
    "A copy whose codes are in another order: rows of embedding and head"
    res,order = copy_model(model),torch.randperm(model.config['n_vocab'], generator=torch.Generator().manual_seed(seed))
    for o in (res.emb.weight,res.head.weight,res.head.bias): o.data.copy_(o.data[order].clone())
    return res
@fresh('vocab_order')
def order_of_another_vocabulary(): return learner(renumbered(spelling().model), spelling().dls)
@fresh('vocab_order')
def order_of_another_vocabulary_after_its_fit():
    learn = train(learner('lstm', loaders(words(seed=12))), 300, 1e-2)
    learn.model.load_state_dict(renumbered(learn.model, 1).state_dict())
    return learn
def weak(): return train(learner('lstm', loaders(words(seed=13))), 45, 5e-3)      # not yet at what pairs of letters give
@fresh('vocab_order')
def order_in_a_weak_model_with_its_record():
    learn = weak()
    learn.model.load_state_dict(renumbered(learn.model, 2).state_dict())
    return learn
@fresh('vocab_order')
def order_in_a_file_that_says_how_good_it_was():
    learn = weak()
    info  = dict(evaluation=dict(nats=learn.evaluate().nats))
    return char_learner(learn.dls, TrainedModel(renumbered(learn.model, 2), learn.vocab, info), precision='fp32')
@fresh(None)
def order_that_was_found():
    learn = order_of_another_vocabulary()
    return learner(matched_model(learn.model, learn.doctor(checks=[check_order_of_codes])[0].order, learn.vocab)[0], spelling().dls)
@fresh(None)
def matched_with_another_text(): return char_learner(loaders(source()), spelling(), precision='fp32')
