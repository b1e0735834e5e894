"Whoever looks at a network in the middle of a fit leaves the fit as it would have been, to the bit"
import functools, random
import pytest, torch, torch.nn.functional as F
from fastai.basics import Callback, set_seed
from charrnn_fa.everything import *

rnd  = random.Random(0)
text = ''.join(f'the king number {rnd.randint(0, 99)} said hello to queen {rnd.randint(0, 99)}.\n' for _ in range(150))

def fit(cbs=(), steps=30, counts=None, n_cells=1, **kw):
    set_seed(0)
    dls = CharDataLoaders.from_text(text, bs=8, seq_len=16, device='cpu')
    learn = char_learner(dls, 'lstm', n_hid=16, n_cells=n_cells, counts=counts, dropout=0.2, cold=0.2, precision='fp32')
    with learn.no_bar(), learn.no_logging(): learn.fit_steps(steps, cbs=cbs, **kw)
    return learn

def flat(learn): return torch.cat([o.detach().flatten() for o in learn.model.parameters()])

@functools.cache
def undisturbed(**kw): return flat(fit(**kw))

class At(Callback):
    "Calls a function with the learner at an event of one step"
    def __init__(self, event, f, order=60): self.event,self.f,self.order,self.seen = event,f,order,0
    def __call__(self, event):
        if event!=self.event or not self.training or self.train_iter!=12: return
        self.f(self.learn)
        self.seen += 1

looks = dict(sample=lambda l: l.sample('the', 20, seed=3), unseeded=lambda l: l.sample('the', 20),
    several=lambda l: l.sample('the', 9, batch=3, top_k=5), predict=lambda l: l.predict('the', 9),
    evaluate=lambda l: l.evaluate('the king said hello'), adapt=lambda l: l.evaluate('the king said hello', adapt=True), surprise=lambda l: l.surprise('the king'),
    neurons=lambda l: l.neurons('the king'), gates=lambda l: l.gates('the king'), steer=lambda l: l.steer('c1[3]', 1., n=9),
    page=lambda l: l.to_html(l.path/'page.html'), validate=lambda l: l.validate(), preds=lambda l: l.get_preds())

@pytest.mark.parametrize('kind', [dict(), dict(n_cells=2), dict(counts=3)], ids=str)
@pytest.mark.parametrize('look', looks)
def test_after_a_step(look, kind, tmp_path):
    "Weights, and whatever is drawn by chance from there on"
    def _look(learn):
        learn.path = tmp_path
        looks[look](learn)
    at = At('after_batch', _look)
    assert torch.equal(flat(fit([at], **kind)), undisturbed(**kind)) and at.seen==1

@pytest.mark.parametrize('event', ['before_batch','after_pred','after_loss','before_backward','before_step','after_step','after_batch'])
@pytest.mark.parametrize('look', ['validate','preds','evaluate'])
@pytest.mark.parametrize('counts', [None,3])
def test_within_a_step(event, look, counts):
    "Also where the weights have an average, which validation reads and the step does not"
    at = At(event, looks[look], order=-2 if event=='before_batch' else 60)
    assert torch.equal(flat(fit([at], counts=counts, average=0.9)), undisturbed(counts=counts, average=0.9)) and at.seen==1

def by_hand(learn):
    "Loss of the validation part, as its loader deals it"
    model = copy_model(learn.model).eval()
    with torch.no_grad(): losses = [F.cross_entropy(model(x).flatten(0,1), y.flatten()).item() for x,y in learn.dls.valid.new()]
    return sum(losses)/len(losses)

@pytest.mark.parametrize('event', ['after_loss','after_batch'])
def test_what_is_validated_within_a_step(event):
    "is the average, as at the end of an epoch"
    got = []
    def _both(learn):
        got.append(float(learn.validate()[0]))
        with averaged(learn): got.append(by_hand(learn))
        got.append(by_hand(learn))
    fit([At(event, _both)], average=0.9)
    assert got[0]==pytest.approx(got[1], abs=1e-5) and abs(got[0]-got[2])>1e-3

def test_two_averages_are_refused():
    with pytest.raises(ValueError, match='give `average=` or the callback'): fit([AverageWeights(0.9)], average=0.95)
    for one in (dict(cbs=[AverageWeights(0.9)]),dict(average=0.9)): fit(**one)
