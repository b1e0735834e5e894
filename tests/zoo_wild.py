"The doctor's second zoo: networks as people write them, with the faults and the habits that they really have"
import math,random,zlib
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from torch.nn.utils.parametrizations import weight_norm
from fastai.basics import Adam,OptimWrapper,RMSProp,SGD,L
from fastai.callback.schedule import ParamScheduler,SchedNo
from fastai.callback.training import GradientAccumulation
from fastai.text.models.awdlstm import RNNDropout
from charrnn_fa.everything import *
from zoo import collector,Net,Loop,Cells,learner,loaders,train,words,source,_out,_set,_scaled,GREEK

WILD = {}

def held_out(name): return zlib.crc32(name.encode())%2==1             # the fixed rule that splits this zoo into halves

wild = collector(WILD)

# Texts
def dna(n=30_000, seed=0): return ''.join(random.Random(seed).choices('ACGT', k=n))
def letters(n=30_000, seed=0): return ''.join(random.Random(seed).choices('abcdefghijkl', k=n))
def markov(n=30_000, v=12, seed=0):
    "Each letter depends on the one before, and on nothing else"
    rng = np.random.default_rng(seed)
    p,c = rng.dirichlet(np.ones(v)*0.4, v).cumsum(1),[0]
    for u in rng.random(n): c.append(min(v-1, int(np.searchsorted(p[c[-1]], u))))
    return ''.join('abcdefghijklmnopqrstuvwxyz'[i] for i in c)
def french(n=40_000):
    ws = 'à été où déjà après même très français élève mère père être château garçon leçon la le un et de qui que'.split()
    return ' '.join(random.Random(1).choices(ws, k=n//5))[:n]

# How people write them
class Keras(nn.Module):
    "The class of a hundred tutorials; `nn.LSTM(batch_first=True)`, the state kept on the module"
    def __init__(self, vocab_size, hidden_dim=48, embed_dim=24, num_layers=1):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embed_dim)
        self.lstm = nn.LSTM(embed_dim, hidden_dim, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_dim, vocab_size)
        self.hidden = None
    def reset(self): self.hidden = None
    def enter(self, x): return self.embedding(x)
    def leave(self, out): return self.fc(out)
    def forward(self, x):
        if self.hidden is not None and self.hidden[0].shape[1]!=x.shape[0]: self.hidden = None
        out,hidden = self.lstm(self.enter(x), self.hidden)
        self.hidden = tuple(h.detach() for h in hidden)
        return self.leave(out)

class TimeMajor(nn.Module):
    "As torch's word language model: everything time first, flat output"
    def __init__(self, ntoken, ninp=24, nhid=48, dropout=0.2):
        super().__init__()
        self.drop,self.encoder = nn.Dropout(dropout),nn.Embedding(ntoken, ninp)
        self.rnn,self.decoder,self.ntoken,self.state = nn.GRU(ninp, nhid),nn.Linear(nhid, ntoken),ntoken,None
    def reset(self): self.state = None
    def forward(self, input):
        emb = self.drop(self.encoder(input.t()))
        s = self.state if self.state is not None and self.state.shape[1]==input.shape[0] else None
        output,h = self.rnn(emb, s)
        self.state = h.detach()
        return self.decoder(self.drop(output)).transpose(0,1).reshape(-1, self.ntoken)

class Karpathy(nn.Module):
    "Raw matrices, as in min-char-rnn"
    def __init__(self, v, n=48):
        super().__init__()
        self.v,self.n,self.hprev = v,n,None
        self.Wxh,self.Whh,self.Why = (nn.Parameter(torch.randn(*s)*k) for *s,k in ((v,n,.3), (n,n,.1), (n,v,.1)))
        self.bh,self.by = nn.Parameter(torch.zeros(n)),nn.Parameter(torch.zeros(v))
    def reset(self): self.hprev = None
    def inp(self, x): return F.one_hot(x, self.v).float()@self.Wxh
    def forward(self, x):
        xs,h = self.inp(x),self.hprev
        if h is None or len(h)!=len(x): h = xs.new_zeros(len(x), self.n)
        hs = []
        for t in range(x.shape[1]):
            h = torch.tanh(xs[:,t]+h@self.Whh+self.bh)
            hs.append(h)
        self.hprev = h.detach()
        return torch.stack(hs, 1)@self.Why+self.by

class Gates(nn.Module):
    "A GRU written out by hand, a linear layer for each gate"
    def __init__(self, v, n=48, e=24):
        super().__init__()
        self.n,self.state,self.lookup = n,None,nn.Embedding(v, e)
        self.z,self.r,self.c,self.to_chars = nn.Linear(e+n, n),nn.Linear(e+n, n),nn.Linear(e+n, n),nn.Linear(n, v)
    def reset(self): self.state = None
    def noisy(self, h): return h
    def forward(self, x):
        h = self.state if self.state is not None and len(self.state)==len(x) else torch.zeros(len(x), self.n)
        ys = []
        for e in self.lookup(x).unbind(1):
            he = torch.cat([e, h], 1)
            z,r = self.z(he).sigmoid(),self.r(he).sigmoid()
            h = (1-z)*h+z*torch.tanh(self.c(torch.cat([e, r*h], 1)))
            h = self.noisy(h)
            ys.append(self.to_chars(h))
        self.state = h.detach()
        return torch.stack(ys, 1)

class Conv(nn.Module):
    "Causal convolutions; a bounded past by design"
    def __init__(self, v, n=48, layers=3, drop=0.):
        super().__init__()
        self.emb,self.drop = nn.Embedding(v, n),drop
        self.convs = nn.ModuleList(nn.Conv1d(n, n, 3, dilation=2**i) for i in range(layers))
        self.out = nn.Conv1d(n, v, 1)
    def forward(self, x):
        h = self.emb(x).transpose(1,2)
        for i,c in enumerate(self.convs): h = h+F.relu(c(F.pad(h, (2*2**i,0))))
        return self.out(F.dropout(h, self.drop, self.training))          # (bs, v, t)

class Transformer(nn.Module):
    "A small GPT, positions looked up and expanded over the rows"
    def __init__(self, v, n=48, heads=4, block=256, drop=0.):
        super().__init__()
        self.tok,self.pos,self.heads,self.p = nn.Embedding(v, n),nn.Embedding(block, n),heads,drop
        self.ln1,self.ln2,self.lnf = nn.LayerNorm(n),nn.LayerNorm(n),nn.LayerNorm(n)
        self.qkv,self.proj,self.lm_head = nn.Linear(n, 3*n),nn.Linear(n, n),nn.Linear(n, v, bias=False)
        self.mlp = nn.Sequential(nn.Linear(n, 4*n), nn.GELU(), nn.Linear(4*n, n))
    def places(self, x): return torch.arange(x.shape[1], device=x.device).expand(*x.shape)
    def forward(self, x):
        b,t = x.shape
        h = self.tok(x)+self.pos(self.places(x))
        q,k,v = (o.view(b, t, self.heads, -1).transpose(1,2) for o in self.qkv(self.ln1(h)).chunk(3, -1))
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.p if self.training else 0)
        h = h+self.proj(a.transpose(1,2).reshape(b, t, -1))
        h = h+self.mlp(self.ln2(h))
        return self.lm_head(self.lnf(h))

class FirstOf(nn.Module):
    "The output of a recurrent layer without its state"
    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn
    def forward(self, x): return self.rnn(x)[0]

class FewPlaces(Transformer):
    "Places counted within blocks of 8, fewer than the vocabulary has characters"
    def places(self, x): return super().places(x)%8

# ---- sound: noise that is not nn.Dropout
def _enter(f, base=Keras):
    class New(base):
        def enter(self, x): return f(self, self.embedding(x))
    return New
def _leave(f, base=Keras):
    class New(base):
        def leave(self, o): return self.fc(f(self, o))
    return New

@wild()
def rnn_dropout_of_fastai():
    def _model(v): return _set(_enter(lambda s,e: s.rd(e))(v), rd=RNNDropout(0.4))
    return learner(_model)
@wild()
def functional_dropout(): return learner(_leave(lambda s,o: F.dropout(o, 0.5, s.training)))
@wild()
def functional_dropout_on_input(): return learner(_enter(lambda s,e: F.dropout(e, 0.3, training=s.training)), loaders(source()))
@wild()
def gaussian_noise(): return learner(_enter(lambda s,e: e+0.3*torch.randn_like(e) if s.training else e))
@wild()
def gaussian_noise_in_state():
    class New(Gates):
        def noisy(self, h): return h+0.1*torch.randn_like(h) if self.training else h
    return learner(New)
@wild()
def hand_written_mask(): return learner(_leave(lambda s,o: o*(torch.rand_like(o)>0.3).float()/0.7 if s.training else o))
@wild()
def zoneout():
    class New(Gates):
        def noisy(self, h): return torch.where(torch.rand_like(h)<0.1, h.detach()*0+h, h) if self.training else h
    return learner(New)
@wild()
def token_dropout_with_numpy():
    def _noise(s, e): return e*torch.from_numpy((np.random.rand(*e.shape[:2],1)>0.1).astype('float32')) if s.training else e
    return learner(_enter(_noise))
@wild()
def transformer_with_dropout(): return learner(lambda v: Transformer(v, drop=0.2))
@wild()
def conv_with_dropout(): return learner(lambda v: Conv(v, drop=0.3), loss_func=nn.CrossEntropyLoss())
@wild()
def word_language_model(): return learner(TimeMajor)
@wild()
def noise_and_trained(): return train(learner(_enter(lambda s,e: F.dropout(e, 0.4, s.training))), 200, 1e-2)

# ---- sound: positions, norms, starts
@wild()
def positions_expanded(): return learner(Transformer)
@wild()
def few_positions_repeated(): return learner(FewPlaces, loaders(source()))
@wild()
def positions_without_rows():
    class New(Transformer):
        def places(self, x): return torch.arange(x.shape[1])
    return learner(lambda v: New(v, block=40))
@wild()
def zero_head(): return learner(lambda v: _scaled(Keras(v), fc__weight=0., fc__bias=0.))
@wild()
def zero_head_of_raw_matrices(): return learner(lambda v: _scaled(Karpathy(v), Why=0.))
@wild()
def learned_first_state_of_zeros():
    class New(Loop):
        def __init__(self, v):
            super().__init__(v)
            self.h0 = nn.Parameter(torch.zeros(1, self.n))
        def forward(self, x):
            if self.h is None or len(self.h)!=len(x): self.h = self.h0.expand(len(x), -1)
            return super().forward(x)
    return learner(New)
@wild()
def learned_first_state_of_layers():
    class New(Keras):
        def __init__(self, v):
            super().__init__(v, num_layers=2)
            self.h0,self.c0 = nn.Parameter(torch.zeros(2, 48)),nn.Parameter(torch.zeros(2, 48))
        def forward(self, x):
            if self.hidden is None: self.hidden = tuple(o[:,None].repeat(1, len(x), 1) for o in (self.h0,self.c0))
            return super().forward(x)
    return learner(New)
@wild()
def norm_over_two_axes():
    class Norm2(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(2, 24))
        def forward(self, o): return (F.layer_norm(o.unflatten(-1, (2,24)), (24,))*self.gain).flatten(-2)
    return learner(lambda v: _set(_leave(lambda s,o: s.norm(o))(v), norm=Norm2()))
@wild()
def layer_norm_before_head(): return learner(lambda v: _set(Keras(v), fc=nn.Sequential(nn.LayerNorm(48), nn.Linear(48, v))))
@wild()
def weight_normed_head(): return learner(lambda v: _set(Keras(v), fc=weight_norm(nn.Linear(48, v))))
@wild()
def frozen_one_hot():
    def _model(v): return _set(Keras(v, embed_dim=v), embedding=nn.Embedding.from_pretrained(torch.eye(v), freeze=True))
    return learner(_model)
@wild()
def frozen_sinusoids():
    class New(Transformer):
        def __init__(self, v):
            super().__init__(v)
            at = torch.arange(256)[:,None]*torch.exp(-torch.arange(24)*math.log(1e4)/24)
            self.pos = nn.Embedding.from_pretrained(torch.cat([at.sin(), at.cos()], 1), freeze=True)
    return learner(New)

# ---- sound: no state by design, other losses, other optimisers, other habits
@wild()
def convolutions(): return learner(Conv, loss_func=nn.CrossEntropyLoss())
@wild()
def convolutions_trained(): return train(learner(Conv, loss_func=nn.CrossEntropyLoss()), 150, 4e-3)
@wild()
def small_gpt(): return learner(Transformer, loaders(source(), seq_len=48))
@wild()
def windows_of_their_own():
    class New(Keras):
        def forward(self, x): return self.fc(self.lstm(self.embedding(x))[0])
    return learner(New)
@wild()
def one_liner():
    class First(nn.Module):
        def forward(self, o): return o[0]
    return learner(lambda v: nn.Sequential(nn.Embedding(v, 24), nn.GRU(24, 48, batch_first=True), First(), nn.Linear(48, v)))
@wild()
def raw_matrices(): return learner(Karpathy, loaders(source()))
@wild()
def gates_by_hand(): return learner(Gates, loaders(words(GREEK)))
@wild()
def flat_logits():
    return learner(_out(Keras, lambda o: o.reshape(-1, o.shape[-1])), loss_func=lambda p,y: F.cross_entropy(p, y.reshape(-1)))
@wild()
def cells_of_lstm(): return learner(lambda v: Cells(v, n=64), loss_func=lambda p,y: F.cross_entropy(p.transpose(1,2), y))
@wild()
def random_windows_shuffled():
    dls = loaders()
    dls.train.__class__ = type('Shuffled', (CharStreamDL,), {'__iter__':lambda s: iter(random.Random(0).sample(list(CharStreamDL.__iter__(s)), len(s)))})
    class New(Keras):
        def forward(self, x): return self.fc(self.lstm(self.embedding(x))[0])
    return learner(New, dls)
@wild()
def smoothed_labels(): return train(learner(Keras, loss_func=lambda p,y: F.cross_entropy(p.transpose(1,2), y, label_smoothing=0.2)), 150, 1e-2)
@wild()
def weighted_classes():
    w = torch.rand(len(loaders().vocab))+0.5
    return learner(Keras, loss_func=lambda p,y: F.cross_entropy(p.flatten(0,1), y.flatten(), weight=w))
@wild()
def activation_penalty():
    class New(Keras):
        def leave(self, o):
            self.last = o
            return self.fc(o)
    m = New(len(loaders().vocab))
    return learner(m, loss_func=lambda p,y: F.cross_entropy(p.flatten(0,1), y.flatten())+1e-3*p.pow(2).mean())
@wild()
def bf16_on_cpu(): return learner('gru', precision='bf16')
@wild()
def plain_adam(): return learner(Keras, opt_func=Adam, lr=2e-3)
@wild()
def torch_adam_with_l2(): return learner(Gates, opt_func=lambda ps,lr: OptimWrapper(ps, torch.optim.Adam, lr=lr, weight_decay=1e-5), lr=3e-3)
@wild()
def rms_prop(): return learner(Karpathy, opt_func=RMSProp, lr=1e-3)
@wild()
def sgd_with_momentum(): return learner(Keras, opt_func=lambda ps,lr: OptimWrapper(ps, torch.optim.SGD, lr=lr, momentum=0.9), lr=0.3)
@wild()
def accumulated(): return train(learner('gru', cbs=GradientAccumulation(16)), 120, 1e-2)
@wild()
def scheduled_sampling():
    class New(Gates):
        def forward(self, x):
            if self.training: x = torch.where(torch.rand(x.shape)<0.1, torch.randint_like(x, 5), x)
            return super().forward(x)
    return learner(New)
@wild()
def batch_normed():
    class New(Keras):
        def __init__(self, v):
            super().__init__(v)
            self.bn = nn.BatchNorm1d(48)
        def leave(self, o): return self.fc(self.bn(o.transpose(1,2)).transpose(1,2))
    return learner(New)
@wild()
def residual_stack():
    class New(nn.Module):
        def __init__(self, v, n=32):
            super().__init__()
            self.e,self.head,self.hs = nn.Embedding(v, n),nn.Linear(n, v),[None]*3
            self.rnns = nn.ModuleList(nn.GRU(n, n, batch_first=True) for _ in range(3))
        def reset(self): self.hs = [None]*3
        def forward(self, x):
            o,new = self.e(x),[]
            for r,h in zip(self.rnns, self.hs):
                y,h = r(o, h if h is not None and h.shape[1]==len(x) else None)
                new.append(h.detach())
                o = o+y
            self.hs = new
            return self.head(o)
    return learner(New)

# ---- sound: texts with nothing more in them
@wild()
def dna_at_its_optimum(): return train(learner(lambda v: Keras(v, 16), loaders(dna())), 300, 5e-3)
@wild()
def markov_at_its_optimum(): return train(learner(lambda v: Net(v, n=32), loaders(markov())), 400, 1e-2)
@wild()
def random_letters_at_their_optimum(): return train(learner(lambda v: Loop(v, n=16), loaders(letters())), 300, 5e-3)
@wild()
def dna_with_bits():
    return train(learner(lambda v: Net(v, n=16), loaders(dna(seed=3)), loss_func=lambda p,y: _ce(p, y)/math.log(2)), 200, 5e-3)
@wild()
def schedule_falls_with_dropout(): return train(learner(lambda v: _set(_leave(lambda s,o: F.dropout(o, 0.6, s.training))(v))), 400, 1e-2)
@wild()
def lr_found_first():
    learn = learner(Keras)
    with learn.no_bar(), learn.no_logging(): learn.lr_find(num_it=60, show_plot=False)
    return learn
@wild()
def lr_found_then_trained():
    learn = learner(Keras)
    with learn.no_bar(), learn.no_logging(): learn.lr_find(num_it=60, show_plot=False)
    return train(learn, 120, 1e-2)

# ---- broken: a code fed in as a number
@wild('number_input')
def code_as_a_number():
    class New(Keras):
        def __init__(self, v):
            super().__init__(v)
            self.lstm = nn.LSTM(1, 48, batch_first=True)
            del self.embedding
        def enter(self, x): return x.float().unsqueeze(-1)
    return learner(New)
@wild('number_input')
def code_as_a_fraction():
    class New(Keras):
        def __init__(self, v):
            super().__init__(v)
            self.v,self.lstm = v,nn.LSTM(1, 48, batch_first=True)
            del self.embedding
        def enter(self, x): return (x/self.v)[...,None]
    return learner(New, loaders(source()))
@wild('number_input')
def code_into_raw_matrices():
    class New(Karpathy):
        def __init__(self, v):
            super().__init__(v)
            self.Wxh = nn.Parameter(torch.randn(1, self.n)*.1)
        def inp(self, x): return x[...,None].float()@self.Wxh
    return learner(New)
@wild('number_input')
def code_into_a_linear_layer():
    class New(Gates):
        def __init__(self, v):
            super().__init__(v)
            self.lookup = nn.Linear(1, 24)
        def forward(self, x): return super().forward(x.float()[:,:,None])
    return learner(New)
@wild('number_input')
def code_step_by_step():
    class New(nn.Module):
        def __init__(self, v, n=48):
            super().__init__()
            self.n,self.cell,self.fc,self.h = n,nn.RNNCell(1, n),nn.Linear(n, v),None
        def reset(self): self.h = None
        def forward(self, x):
            h = self.h if self.h is not None and len(self.h)==len(x) else torch.zeros(len(x), self.n)
            out = []
            for t in range(x.size(1)):
                h = self.cell(x[:,t].view(-1,1).float(), h)
                out.append(self.fc(h))
            self.h = h.detach()
            return torch.stack(out, 1)
    return learner(New)

# ---- broken: frozen, still, clipped, decayed
@wild('frozen')
def frozen_lstm():
    m = Keras(len(loaders().vocab))
    for p in m.lstm.parameters(): p.requires_grad = False
    return learner(m)
@wild('frozen')
def frozen_all(): return learner(Gates(len(loaders().vocab)).requires_grad_(False))
@wild('frozen')
def frozen_by_learner():
    learn = learner(Keras, splitter=lambda m: L(m.embedding, m.lstm, m.fc).map(lambda o: list(o.parameters())))
    learn.freeze()
    return learn
@wild('frozen')
def frozen_embedding():
    m = Keras(len(loaders().vocab))
    m.embedding.weight.requires_grad_(False)
    return learner(m)
@wild('lr_zero')
def lr_of_zero(): return learner('gru', lr=0.)
@wild('lr_zero')
def optimiser_with_its_own_zero(): return learner(Keras, opt_func=lambda ps,lr: OptimWrapper(ps, torch.optim.Adam, lr=0.))
@wild('lr_zero')
def schedule_of_zero(): return learner(Net, cbs=ParamScheduler({'lr':SchedNo(0., 0.)}))
@wild('lr_zero')
def trained_at_zero():
    learn = learner(Keras)
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(120, lr=1e-30)
    learn.lr = 0.
    return learn
@wild('clip_low')
def clip_nearly_zero(): return learner('gru', clip=1e-9)
@wild('clip_low')
def clip_low_with_sgd(): return learner(Keras, opt_func=SGD, lr=0.5, clip=1e-4)
@wild('weight_decay')
def decay_too_large(): return learner(Keras, wd=50.)
@wild('weight_decay')
def decay_in_optimiser(): return learner('lstm', opt_func=lambda ps,lr: adamw(ps, lr=lr, wd=20.), lr=1e-2)
@wild('weight_decay')
def decay_of_sgd(): return learner(Net, opt_func=SGD, lr=1., wd=0.3)

# ---- broken: the learner's own loss
def _ce(p, y): return F.cross_entropy(p.flatten(0,1), y.flatten())
@wild('loss_detached')
def loss_wrapped_anew(): return learner(Keras, loss_func=lambda p,y: torch.tensor(_ce(p, y).item(), requires_grad=True))
@wild('loss_detached')
def loss_of_item(): return learner(Gates, loss_func=lambda p,y: _ce(p.detach(), y))
@wild('loss_detached')
def loss_of_data(): return learner(Net, loss_func=lambda p,y: _ce(p.data, y).requires_grad_())
@wild('loss_sign')
def loss_negated(): return learner(Keras, loss_func=lambda p,y: -_ce(p, y))
@wild('loss_sign')
def likelihood_without_minus(): return learner(Karpathy, loss_func=lambda p,y: p.log_softmax(-1).gather(-1, y[...,None]).mean())
@wild('loss_unit')
def loss_in_bits(): return learner('gru', loss_func=lambda p,y: _ce(p, y)/math.log(2))
@wild('loss_unit')
def loss_as_perplexity(): return learner(Keras, loss_func=lambda p,y: _ce(p, y).exp())
@wild('loss_unit')
def loss_times_hundred(): return learner(Net, loss_func=lambda p,y: 100*_ce(p, y))
@wild('loss_sum')
def loss_summed_by_row(): return learner(Gates, loss_func=lambda p,y: F.cross_entropy(p.transpose(1,2), y, reduction='none').sum(1).mean())
@wild('loss_sum')
def loss_summed_in_a_loop(): return learner(Keras, loss_func=lambda p,y: sum(F.cross_entropy(p[:,t], y[:,t]) for t in range(y.shape[1])))
@wild('loss_partial')
def spaces_do_not_count():
    i = loaders().vocab.itos.index('e')
    return learner(Keras, loss_func=lambda p,y: F.cross_entropy(p.flatten(0,1), y.flatten(), ignore_index=i))

# ---- broken: its own guesses, mixed rows, memory
@wild('no_teacher')
def own_guess_fed_back():
    class New(Cells):
        def forward(self, x):
            outs,h,c = [],None,x[:,0]
            for _ in range(x.shape[1]):
                h = self.cell(self.emb(c), h)
                outs.append(self.head(h[0]))
                c = outs[-1].argmax(-1)
            return torch.stack(outs, 1)
    return learner(New)
@wild('no_teacher')
def softmax_fed_back():
    class New(Loop):
        def forward(self, x):
            outs,h,i = [],torch.zeros(len(x), self.n),F.one_hot(x[:,0], self.v).float()
            for _ in range(x.size(1)):
                h = self.step(i, h)
                outs.append(self.h2o(h))
                i = outs[-1].softmax(-1)
            return torch.stack(outs, 1)
    return learner(New)
@wild('rows_mixed')
def mean_state():
    class New(Gates):
        def forward(self, x):
            out = super().forward(x)
            self.state = self.state.mean(0, keepdim=True).expand(len(x), -1)
            return out
    return learner(New)
@wild('rows_mixed')
def last_row_for_all():
    class New(Loop):
        def forward(self, x):
            if self.h is not None: self.h = self.h[-1:].repeat(len(x), 1)
            return super().forward(x)
    return learner(New)
@wild('random_output')
def dropout_left_on(): return learner(_leave(lambda s,o: F.dropout(o, 0.5)))
@wild('random_output')
def random_first_state():
    class New(Keras):
        def forward(self, x):
            if self.hidden is None: self.hidden = torch.randn(1, len(x), 48),torch.randn(1, len(x), 48)
            return super().forward(x)
    return learner(New)
@wild('random_output')
def random_state_each_window():
    class New(Keras):
        def forward(self, x): return self.fc(self.lstm(self.embedding(x), (torch.randn(1, len(x), 48),torch.randn(1, len(x), 48)))[0])
    return learner(New)
@wild('random_output')
def noise_always_on(): return learner(_enter(lambda s,e: e+torch.randn_like(e)))

# ---- broken: data
@wild('valid_differs')
def validation_in_another_language():
    dls,other = loaders(words()+french()[:400]),loaders(french())
    dls.valid.codes = np.array([dls.vocab.itos.index(c) if c in dls.vocab.itos else 0 for c in french()[:4000]], dls.valid.codes.dtype)
    return learner('gru', _anew(dls))
def _anew(dls):
    "Loaders whose validation part was replaced"
    dls.valid._rows = None
    dls.valid.n_win = (len(dls.valid.codes)-1)//dls.valid.bs//dls.valid.seq_len
    return dls
@wild('valid_differs')
def validation_in_capitals():
    text = words(n=30_000)
    return learner(Keras, loaders(text+text[:3400].upper()[::-1]))
@wild('valid_differs')
def validation_of_other_words(): return learner('lstm', loaders(words(n=36_000, seed=1)+words('qzxwvkjbgyp', n=4_000, seed=2)))
@wild('valid_differs')
def validation_of_numbers(): return learner(Net, loaders(words(n=30_000)+'0123456789 '*20+''.join(random.Random(0).choices('0123456789 ', k=3200))))
@wild('valid_differs')
def validation_too_short(): return learner('gru', loaders(words(n=40_000), bs=2, seq_len=16, split=0.002))
@wild('mojibake')
def utf8_read_as_latin1(): return learner('gru', loaders(french().encode().decode('latin-1')))
@wild('mojibake')
def utf8_read_as_cp1252(): return learner(Keras, loaders(words().replace(' a', ' “a”').encode().decode('cp1252', 'ignore')))
@wild('mojibake')
def utf16_read_as_latin1(): return learner('lstm', loaders(words(n=20_000).encode('utf-16-le').decode('latin-1')))
@wild('mojibake')
def errors_replaced(): return learner(Net, loaders(french().encode('latin-1').decode('utf-8', 'replace')))
@wild('mojibake')
def cyrillic_read_as_latin1(): return learner('gru', loaders(words('оеаинтсрвлкмдпу').encode('cp1251').decode('latin-1')))

# ---- broken: numbers
@wild('half')
def half_on_cpu(): return learner(Keras(len(loaders().vocab)).half())
@wild('half')
def half_bfloat(): return learner(Net(len(loaders().vocab)).bfloat16())
class Deep(nn.Module):
    "Sigmoid layers on top of each other, between the state and the head"
    def __init__(self, v, depth=14, n=48):
        super().__init__()
        self.emb,self.rnn,self.h = nn.Embedding(v, 24),nn.GRU(24, n, batch_first=True),None
        self.deep = nn.Sequential(*[nn.Sequential(nn.Linear(n, n), nn.Sigmoid()) for _ in range(depth)])
        self.head = nn.Linear(n, v)
    def reset(self): self.h = None
    def forward(self, x):
        o,h = self.rnn(self.emb(x), self.h if self.h is not None and self.h.shape[1]==len(x) else None)
        self.h = h.detach()
        return self.head(self.deep(o))
@wild('vanishing')
def gradient_vanishes(): return learner(Deep)
@wild('vanishing')
def gradient_vanishes_in_tiny_weights(): return learner(lambda v: _scaled(Keras(v), fc__weight=1e-9))

# ---- broken: state from window to window
class ByWindow(nn.Module):
    "The state is added to the window as a whole, position by position"
    def __init__(self, nv, nh=48):
        super().__init__()
        self.nv,self.nh = nv,nh
        self.i2h,self.h2h,self.h2o,self.hidden = nn.Linear(nv, nh),nn.Linear(nh, nh),nn.Linear(nh, nv),torch.zeros(1, nh)
    def forward(self, input):
        x,y = self.i2h(F.one_hot(input, self.nv).float()),self.h2h(self.hidden)
        self.hidden = torch.tanh(y+x).detach()
        return self.h2o(self.hidden)
class ByWindowReset(ByWindow):
    def reset(self): self.hidden = torch.zeros(1, self.nh)
    def forward(self, x):
        if self.hidden.dim()==3 and self.hidden.shape[:2]!=x.shape: self.reset()
        x,y = self.i2h(F.one_hot(x, self.nv).float()),self.h2h(self.hidden)
        h = torch.tanh(x+y)
        self.hidden = h.detach()
        return self.h2o(h)
class ByWindowEmbedded(nn.Module):
    def __init__(self, v, n=48):
        super().__init__()
        self.emb,self.mix,self.head,self.prev = nn.Embedding(v, n),nn.Linear(2*n, n),nn.Linear(n, v),None
    def reset(self): self.prev = None
    def forward(self, x):
        e = self.emb(x)
        p = self.prev if self.prev is not None and self.prev.shape==e.shape else torch.zeros_like(e)
        h = F.relu(self.mix(torch.cat([e, p], -1)))
        self.prev = h.detach()
        return self.head(h)
@wild('state_by_window')
def state_by_window_detached_output(): return learner(ByWindow)
@wild('state_by_window')
def state_by_window_with_reset(): return learner(ByWindowReset, loaders(source()))
@wild('state_by_window')
def state_by_window_embedded(): return learner(ByWindowEmbedded)
