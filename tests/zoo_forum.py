"The doctor's third zoo: what people ask about in forums, written down before it was tried and never tuned on"
import torch, torch.nn as nn, torch.nn.functional as F
from fastai.basics import OptimWrapper,SGD
from charrnn_fa.everything import *
from zoo import collector,learner,loaders,source,words,_batch,GREEK

FORUM = {}

asked = collector(FORUM)

class Tutorial(nn.Module):
    "Embedding, LSTM, linear; a fresh state of zeros for each window, as in most questions"
    def __init__(self, vocab, hidden=40, layers=1, **kw):
        super().__init__()
        self.layers,self.hidden = layers,hidden
        self.encoder,self.lstm,self.decoder = nn.Embedding(vocab, 20),nn.LSTM(20, hidden, layers, **{'batch_first':True, **kw}),nn.Linear(hidden, vocab)
    def start(self, x): return tuple(torch.zeros(self.layers, len(x), self.hidden) for _ in range(2))
    def look_up(self, x): return self.encoder(x)
    def answer(self, out): return self.decoder(out)
    def forward(self, x): return self.answer(self.lstm(self.look_up(x), self.start(x))[0])

class Lesson(nn.Module):
    "The language model of fastai's book: one layer for input, one for the state, and a state kept between windows"
    def __init__(self, vocab, hidden=40):
        super().__init__()
        self.i_h,self.h_h,self.h_o,self.h = nn.Embedding(vocab, hidden),nn.Linear(hidden, hidden),nn.Linear(hidden, vocab),0
    def reset(self): self.h = 0
    def old(self, x): return self.h if torch.is_tensor(self.h) and len(self.h)==len(x) else torch.zeros(len(x), self.h_h.in_features)
    def out(self, h): return self.h_o(h)
    def forward(self, x):
        outs,h = [],self.old(x)
        for t in range(x.shape[1]):
            h = torch.tanh(self.h_h(h+self.i_h(x[:,t])))
            outs.append(self.out(h))
        self.h = h.detach()
        return torch.stack(outs, dim=1)

def ce(p, y): return F.cross_entropy(p.reshape(-1, p.shape[-1]), y.reshape(-1))
def one_hot(p, y): return F.one_hot(y, p.shape[-1]).float()
def torch_opt(kind, **kw): return lambda ps,lr: OptimWrapper(ps, kind, lr=lr, **kw)

# Broken
@asked('output_shape')
def only_the_last_output():
    class New(Tutorial):
        def answer(self, out): return self.decoder(out[:,-1,:])
    return learner(New)
@asked('number_input')
def univariate_lstm():
    class New(Tutorial):
        def __init__(self, v):
            super().__init__(v)
            self.lstm = nn.LSTM(1, 40, batch_first=True)
        def look_up(self, x): return (x.float()/x.max()).unsqueeze(2)
    return learner(New)
@asked('loss_sum')
def loss_added_over_time(): return learner(Lesson, loss_func=lambda p,y: sum(ce(p[:,t], y[:,t]) for t in range(y.shape[1])), lr=0.1)
@asked('input_ignored')
def old_state_answers():
    class New(Lesson):
        def out(self, h): return self.h_o(self.kept)
        def old(self, x):
            self.kept = torch.zeros(len(x), self.h_h.in_features)
            return super().old(x)
    return learner(New)
@asked('softmax')
def softmax_layer_at_the_end():
    class New(Tutorial):
        def __init__(self, v):
            super().__init__(v)
            self.decoder = nn.Sequential(nn.Linear(40, v), nn.Softmax(dim=2))
    return learner(New, loaders(source()))
@asked('softmax')
def softmax_along_rows():
    class New(Lesson):
        def out(self, h): return F.softmax(self.h_o(h), dim=0)
    return learner(New)
@asked('loss_kind')
def nll_without_log(): return learner(Tutorial, loss_func=lambda p,y: nn.NLLLoss()(p.transpose(1,2), y))
@asked('loss_kind')
def mean_squares(): return learner(Lesson, loss_func=lambda p,y: nn.MSELoss()(p, one_hot(p, y)))
@asked('loss_kind')
def binary_cross_entropy(): return learner(Tutorial, loss_func=lambda p,y: nn.BCEWithLogitsLoss()(p, one_hot(p, y)))
@asked('random_output')
def randn_for_init_hidden():
    class New(Tutorial):
        def start(self, x): return tuple(torch.randn(self.layers, len(x), self.hidden) for _ in range(2))
    return learner(New)
@asked('not_in_optimizer')
def optimiser_of_another_model():
    other = Tutorial(len(loaders().vocab))
    return learner(Tutorial, opt_func=lambda ps,lr: adamw(list(other.parameters()), lr=lr))
@asked('squashed')
def relu_at_the_end():
    class New(Tutorial):
        def answer(self, out): return F.relu(self.decoder(out))
    return learner(New)
@asked('time_as_batch')
def time_first_by_default(): return learner(lambda v: Tutorial(v, batch_first=False))
@asked('time_as_batch')
def reshaped_not_transposed():
    class New(Tutorial):
        def look_up(self, x): return self.encoder(x).reshape(x.shape[1], x.shape[0], -1)
        def answer(self, out): return self.decoder(out).reshape(out.shape[1], out.shape[0], -1)
    return learner(lambda v: New(v, batch_first=False), loaders(bs=6, seq_len=24))
@asked('alignment')
def target_is_the_input(): return learner(Tutorial, _batch(loaders(source()), lambda b: (b[0],b[0].clone())))
@asked('no_gradient')
def no_grad_for_the_embedding():
    class New(Tutorial):
        def look_up(self, x):
            with torch.no_grad(): return self.encoder(x)
    return learner(New)
@asked('state_not_detached')
def second_backward():
    class New(Lesson):
        def forward(self, x):
            outs,h = [],self.old(x)
            for t in range(x.shape[1]):
                h = torch.tanh(self.h_h(h+self.i_h(x[:,t])))
                outs.append(self.h_o(h))
            self.h = h
            return torch.stack(outs, dim=1)
    return learner(New)
@asked('weight_decay')
def decay_of_one(): return learner(Tutorial, opt_func=torch_opt(torch.optim.Adam, weight_decay=1.), lr=1e-3)
@asked('lr_low')
def rate_of_a_forum(): return learner(Tutorial, lr=1e-8)
@asked('lr_high')
def adam_at_one(): return learner(Lesson, opt_func=torch_opt(torch.optim.Adam), lr=1., clip=0.)
@asked('unregistered')
def stack_in_a_list():
    class New(Lesson):
        def __init__(self, v):
            super().__init__(v)
            self.deep = [nn.Linear(40, 40) for _ in range(2)]
        def out(self, h):
            for o in self.deep: h = torch.tanh(o(h))
            return self.h_o(h)
    return learner(New)
@asked('head_size')
def vocabulary_plus_one():
    class New(Tutorial):
        def __init__(self, v): super().__init__(v+1)
    return learner(New, loss_func=ce)
@asked('sees_future')
def attention_without_mask():
    class New(Tutorial):
        def __init__(self, v):
            super().__init__(v)
            self.attend = nn.MultiheadAttention(40, 4, batch_first=True)
        def answer(self, out): return self.decoder(out+self.attend(out, out, out)[0])
    return learner(New)
@asked('no_memory')
def state_made_anew_each_step():
    class New(Lesson):
        def forward(self, x): return torch.stack([self.h_o(torch.tanh(self.h_h(self.i_h(c)))) for c in x.t()], 1)
    return learner(New)
@asked('detached')
def item_in_the_loop():
    class New(Lesson):
        def forward(self, x):
            outs,h = [],self.old(x)
            for t in range(x.shape[1]):
                h = torch.tanh(self.h_h(h.data+self.i_h(x[:,t])))
                outs.append(self.h_o(h))
            self.h = h.data
            return torch.stack(outs, dim=1)
    return learner(New)

# Sound
@asked()
def zeros_each_window(): return learner(Tutorial)
@asked()
def book_of_fastai(): return learner(Lesson, loaders(words(GREEK)))
@asked()
def log_softmax_and_cross_entropy():
    class New(Tutorial):
        def answer(self, out): return F.log_softmax(self.decoder(out), -1)
    return learner(New, loss_func=ce)
@asked()
def masked_encoder():
    class New(Tutorial):
        def __init__(self, v):
            super().__init__(v)
            self.block = nn.TransformerEncoderLayer(40, 4, 80, batch_first=True)
        def answer(self, out): return self.decoder(self.block(out, nn.Transformer.generate_square_subsequent_mask(out.shape[1]), is_causal=True))
    return learner(New)
@asked()
def tied_by_hand():
    class New(Lesson):
        def __init__(self, v):
            super().__init__(v)
            self.h_o.weight = self.i_h.weight
            nn.init.normal_(self.i_h.weight, std=0.1)
    return learner(New)
@asked()
def clipped_sgd(): return learner(Tutorial, opt_func=SGD, lr=2., clip=0.5)
@asked()
def three_layers_with_dropout(): return learner(lambda v: Tutorial(v, layers=3, dropout=0.3), loaders(source()))
@asked()
def xavier_and_orthogonal():
    def _model(v):
        m = Tutorial(v)
        for nm,o in m.lstm.named_parameters():
            if 'weight_hh' in nm: nn.init.orthogonal_(o)
            elif 'weight' in nm: nn.init.xavier_uniform_(o)
            else: nn.init.zeros_(o)
        return m
    return learner(_model)
